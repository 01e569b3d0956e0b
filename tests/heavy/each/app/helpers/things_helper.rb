module ThingsHelper
  def thing_state(thing)
    tag.span(thing.active? ? "active" : "archived", class: "state")
  end

  def thing_amount(thing)
    number_to_currency(thing.amount || 0)
  end

  def thing_dates(thing)
    [thing.starts_on, thing.updated_at&.to_date].compact.map { |day| l(day) }.join(" – ")
  end
end
