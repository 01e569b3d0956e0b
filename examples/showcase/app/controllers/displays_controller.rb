class DisplaysController < ApplicationController
  def show
    @couples = Couple.ranked
    @scores = Score.with_names.order(id: :desc).limit(8)
    respond_to do |format|
      format.html
      format.json { render json: { totals: @couples.map(&:standing) } }
    end
  end
end
