# Inside the booted application, so that an empty database does not cost a second boot.
Rails.application.config.after_initialize { Tenant.prepare unless Sidekiq.server? }
