class ApplicationController < ActionController::Base
  # Programs send JSON, and have neither a session nor a token.
  protect_from_forgery with: :exception, unless: -> { request.format.json? }

  rescue_from(ActiveRecord::RecordInvalid) { |error| refuse(:unprocessable_entity, error) }
  rescue_from(ActiveRecord::RecordNotFound) { |error| refuse(:not_found, error) }

  helper_method :event

  private

  def event
    @event ||= Event.first!
  end

  def refuse(status, error)
    respond_to do |format|
      format.json { render json: { error: error.message }, status: status }
      format.any { render plain: "#{error.message}\n", status: status }
    end
  end
end
