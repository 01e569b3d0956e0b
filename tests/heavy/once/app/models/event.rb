# The one row of the first database that tells whose it is.
class Event < ApplicationRecord
end
