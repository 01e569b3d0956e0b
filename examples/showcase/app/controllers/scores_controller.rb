class ScoresController < ApplicationController
  def index
    scores = Score.includes(:judge, entry: [:heat, :couple]).order(:id)
    respond_to { |format| format.any(:json, :html) { render json: scores.map(&:as_json) } }
  end

  def create
    score = Score.give(**[:heat, :couple, :judge, :value].index_with { |name| params.require(name) })
    DisplayChannel.show_score(score)
    TallyJob.perform_later
    respond_to do |format|
      format.json { render json: score, status: :created }
      format.any { redirect_to heat_path(score.entry.heat, judge: score.judge.name) }
    end
  end
end
