# What a judge gave to a couple in a heat. Nothing is overwritten: given again, the latest one counts.
class Score < ApplicationRecord
  VALUES = (1..10).freeze

  belongs_to :entry
  belongs_to :judge

  validates :value, inclusion: { in: VALUES }

  scope :that_count, -> { where(id: group(:entry_id, :judge_id).select("max(scores.id)")) }
  scope :with_names, -> { includes(:judge, entry: [:heat, :couple]) }

  # Numbers and a letter, as the score sheet has them: heat 3, couple 101, judge A, value 8.
  def self.give(heat:, couple:, judge:, value:)
    entry = Entry.joins(:heat, :couple).find_by!(heats: { number: heat }, couples: { number: couple })
    create!(entry: entry, judge: Judge.find_by!(letter: judge), value: value)
  end

  def as_json(*)
    { id: id, heat: entry.heat.number, dance: entry.heat.dance, couple: entry.number, name: entry.name,
      judge: judge.letter, value: value }
  end
end
