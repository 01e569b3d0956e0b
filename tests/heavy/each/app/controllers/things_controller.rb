class ThingsController < ApplicationController
  before_action :load_thing, only: [:show, :edit, :update, :destroy, :report, :archive]

  def index
    @things = Thing.ordered.limit(50)
  end

  def show; end

  def report; end

  def edit; end

  def new
    @thing = Thing.new
    render :edit
  end

  def create
    @thing = Thing.new(thing_params)
    @thing.save ? redirect_to(@thing) : render(:edit, status: :unprocessable_entity)
  end

  def update
    @thing.update(thing_params) ? redirect_to(@thing) : render(:edit, status: :unprocessable_entity)
  end

  def destroy
    @thing.destroy!
    redirect_to things_path
  end

  def archive
    @thing.archive!
    redirect_to @thing
  end

  def search
    @things = Thing.matching(params[:q].to_s).ordered.limit(50)
    render :index
  end

  def summary
    @totals = Thing.totals
  end

  private

  def load_thing
    @thing = Thing.find(params[:id])
  end

  def thing_params
    params.require(:thing).permit(:name, :position, :active, :amount, :note, :starts_on)
  end
end
