require_relative "config/environment"

# The tenant's prefix becomes SCRIPT_NAME: every address that Rails makes begins with it, the cable's too.
map(Rails.application.config.relative_url_root || "/") { run Rails.application }
