class ScoresController < ApplicationController
  def index
    render json: Score.with_names.order(:id)
  end

  # As a form, or as JSON with or without a "score" around it.
  def create
    given = params.fetch(:score, params)
    score = Score.give(**[:heat, :couple, :judge, :value].index_with { |name| given.require(name) })
    DisplayChannel.show_score(score)
    tally_later
    respond_to do |format|
      format.json { render json: score, status: :created }
      format.any { redirect_to heat_path(score.entry.heat, judge: score.judge.letter) }
    end
  end

  private

  # The score is given, whether or not there is a queue: the next job adds it up too.
  def tally_later
    TallyJob.perform_later
  rescue Redis::BaseConnectionError => error
    logger.warn("cannot reach the queue, the totals come later: #{error.message}")
  end
end
