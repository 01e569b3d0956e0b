# The dance event that the whole database is about.
class Event < ApplicationRecord
  validates :title, presence: true
end
