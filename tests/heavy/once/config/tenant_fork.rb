# Run in a tenant that was forked from the preloaded application, before Puma; databases, secret, config/cable.yml and
# config/storage.yml are its own by now. What config/application.rb made of a variable while it booted is made again:
# RAILS_RELATIVE_URL_ROOT, EVENT_TITLE and LOG_FILE, which the unit names in preload_env.
Rails.logger.reopen(ENV.fetch("LOG_FILE", "/dev/stdout"))
Rails.application.config.x.event = ENV.fetch("EVENT_TITLE", "no event")
ActionCable.server.config.url = File.join(ENV.fetch("RAILS_RELATIVE_URL_ROOT", "/"), "cable")
