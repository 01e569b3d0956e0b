class TalliesController < ApplicationController
  def index
    totals = Couple.ranked.map { |couple| { couple: couple.number, name: couple.name, total: couple.total } }
    render json: { runs: Tally.count, last: Tally.last&.slice(:ran_in, :pid, :created_at), totals: totals }
  end
end
