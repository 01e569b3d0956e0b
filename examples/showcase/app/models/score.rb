# What a judge gave to a couple in a heat. Given again it is replaced, and the revision counts how often it was given.
class Score < ApplicationRecord
  VALUES = (1..10).freeze

  belongs_to :entry
  belongs_to :judge

  validates :value, inclusion: { in: VALUES }

  # Numbers and a name, as people say them: heat 3, couple 101, judge Ada, value 8.
  def self.give(heat:, couple:, judge:, value:)
    transaction do
      entry = Entry.joins(:heat, :couple).find_by!(heats: { number: heat }, couples: { number: couple })
      score = find_or_initialize_by(entry: entry, judge: Judge.find_by!(name: judge))
      score.update!(value: value, revision: score.revision + 1)
      score
    end
  end

  def as_json(*)
    { id: id, heat: entry.heat.number, dance: entry.heat.dance, couple: entry.number, name: entry.name,
      judge: judge.name, value: value, revision: revision }
  end
end
