# Adds up the points of every couple.
class TallyJob < ApplicationJob
  def perform
    Couple.transaction do
      Couple.update_all(<<~SQL)
        total = (SELECT coalesce(sum(scores.value), 0) FROM (#{Score.that_count.to_sql}) scores
                 JOIN entries ON entries.id = scores.entry_id WHERE entries.couple_id = couples.id)
      SQL
      Tally.create!(ran_in: Sidekiq.server? ? "sidekiq" : "puma", pid: Process.pid)
    end
    DisplayChannel.show_totals
  end
end
