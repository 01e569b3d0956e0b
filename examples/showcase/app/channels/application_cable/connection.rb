module ApplicationCable
  # Whoever may see the pages may see the display.
  class Connection < ActionCable::Connection::Base
  end
end
