# One dance, by several couples at once.
class Heat < ApplicationRecord
  has_many :entries
  has_many :scores, through: :entries

  def to_param
    number.to_s
  end

  # How many scores count so far.
  def given
    scores.map { |score| [score.entry_id, score.judge_id] }.uniq.size
  end
end
