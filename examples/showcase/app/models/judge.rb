# A judge goes by a letter on the score sheets.
class Judge < ApplicationRecord
  has_many :scores
end
