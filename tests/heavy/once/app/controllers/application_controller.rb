class ApplicationController < ActionController::Base
  rescue_from(ActiveRecord::RecordNotFound) { |error| render plain: "#{error.message}\n", status: :not_found }
end
