# Run in a tenant that was forked from the preloaded application, after its environment is its own: what the application
# read from ENV while it booted, read again. (Databases, secrets, storage.yml and cable.yml are not the application's business.)
Rails.logger.reopen(ENV.fetch("LOG_FILE", "/dev/stdout"))
Rails.application.config.x.event = ENV.fetch("EVENT_TITLE", "no event")
ActionCable.server.config.url = File.join(ENV.fetch("RAILS_RELATIVE_URL_ROOT", "/"), "cable")
