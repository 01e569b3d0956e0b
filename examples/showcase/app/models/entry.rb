# A couple in a heat.
class Entry < ApplicationRecord
  belongs_to :heat
  belongs_to :couple
  has_many :scores

  delegate :number, :name, :studio, to: :couple

  def value_by(judge)
    scores.select { |score| score.judge_id == judge.id }.max_by(&:id)&.value
  end
end
