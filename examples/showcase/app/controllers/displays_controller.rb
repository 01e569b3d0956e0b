class DisplaysController < ApplicationController
  def show
    @couples = Couple.ranked
    @scores = Score.includes(:judge, entry: [:heat, :couple]).order(updated_at: :desc).limit(8)
  end
end
