module ApplicationCable
  # Whoever may see the pages may connect.
  class Connection < ActionCable::Connection::Base
  end
end
