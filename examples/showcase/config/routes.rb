Rails.application.routes.draw do
  root "heats#index"
  resources :heats, only: :show
  resources :scores, only: [:index, :create]
  resource :display, only: :show
  get "tallies", to: "tallies#index"

  if ENV["SHOWCASE_TEST"] == "1"
    get "whoami", to: "probes#whoami"
    get "sleep", to: "probes#nap"
    get "download", to: "probes#download"
    post "echo", to: EchoProbe
    get "events", to: "event_streams#show"
  end
end
