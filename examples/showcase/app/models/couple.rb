# Two dancers, and the points they have so far (see TallyJob).
class Couple < ApplicationRecord
  has_many :entries

  scope :ranked, -> { order(total: :desc, number: :asc) }

  def name
    "#{lead} & #{follow}"
  end

  def standing
    { couple: number, name: name, total: total }
  end
end
