class TalliesController < ApplicationController
  def index
    render json: Tally.order(:id)
  end
end
