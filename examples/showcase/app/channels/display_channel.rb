# The screen in the ballroom: each score as it is given, the totals as they are added up.
class DisplayChannel < ApplicationCable::Channel
  STREAM = "display".freeze

  def subscribed
    stream_from STREAM
  end

  def self.show_score(score)
    ActionCable.server.broadcast(STREAM, { score: score.as_json })
  end

  # From Sidekiq this reaches nobody (another process, see config/cable.yml): the pages ask for the totals themselves.
  def self.show_totals
    ActionCable.server.broadcast(STREAM, { totals: Couple.ranked.map(&:standing) })
  end
end
