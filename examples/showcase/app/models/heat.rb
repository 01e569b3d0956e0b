# One dance, by several couples at once.
class Heat < ApplicationRecord
  has_many :entries
  has_many :scores, through: :entries

  def to_param
    number.to_s
  end

  def complete?
    scores.size == entries.size * Judge.count
  end
end
