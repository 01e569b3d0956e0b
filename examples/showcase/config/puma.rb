# The unit gives the socket: -b unix://…; PORT is for a try by hand.
threads 5, 5
environment ENV.fetch("RAILS_ENV", "production")
port ENV["PORT"], "127.0.0.1" if ENV["PORT"]
