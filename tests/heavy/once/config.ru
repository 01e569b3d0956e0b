require_relative "config/environment"

# The tenant's prefix becomes SCRIPT_NAME: the routes are the same for all tenants.
map(ENV["RAILS_RELATIVE_URL_ROOT"] || "/") { run Rails.application }
