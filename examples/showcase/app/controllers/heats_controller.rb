class HeatsController < ApplicationController
  def index
    @heats = Heat.includes(:scores, entries: :couple).order(:number)
    @judge_count = Judge.count
  end

  def show
    @heat = Heat.find_by!(number: params[:id])
    @entries = @heat.entries.includes(:couple, :scores).sort_by(&:number)
    @judges = Judge.order(:id)
    @judge = @judges.find { |judge| judge.letter == params[:judge] } || @judges.first
  end
end
