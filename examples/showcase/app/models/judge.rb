class Judge < ApplicationRecord
  has_many :scores
end
