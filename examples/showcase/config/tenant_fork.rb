# For `preload = "rails"`: what makes a copy of the booted application one event's own.
#
# tenantd boots the application once, without any event's variables, and starts an event by forking that process. This file
# is loaded in the copy, before Puma: ENV is the event's by now, and so are the databases, the secret (SECRET_KEY_BASE),
# config.relative_url_root, config/cable.yml, config/storage.yml and an empty Rails.cache. To do here is the rest:
# what config/ made of a variable while booting. `tenantd preload doctor showcase@boston` names such variables,
# with file and line; the unit declares with `preload_env` those that are taken care of:
#
#   RAILS_RELATIVE_URL_ROOT  config/application.rb: the cookie and the address of the cable (below)
#   EVENT_TITLE              db/seeds.rb: read when a new database is filled, which an ordinary start does
#
# An error in here ends the copy, and the event is started in the ordinary way.
root = Rails.application.config.relative_url_root || "/"
Tenantd::Preload.session(**Showcase.session_options(root))
ActionCable.server.config.url = Showcase.cable_url(root)
