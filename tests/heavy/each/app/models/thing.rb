class Thing < ApplicationRecord
  belongs_to :parent, class_name: "PreviousThing", optional: true
  has_many :followers, class_name: "Thing", foreign_key: :parent_id, inverse_of: false, dependent: :nullify

  validates :name, presence: true, length: { maximum: 200 }
  validates :position, numericality: { only_integer: true, greater_than_or_equal_to: 0 }
  validates :amount, numericality: true, allow_nil: true
  validate :starts_in_this_century

  before_validation { self.name = name.to_s.squish }

  scope :active, -> { where(active: true) }
  scope :ordered, -> { order(:position, :id) }
  scope :matching, ->(word) { where("name LIKE ?", "%#{sanitize_sql_like(word)}%") }

  def label
    "#{model_name.human} #{position}: #{name}"
  end

  def archive!
    update!(active: false, note: [note, "Archived."].compact.join(" "))
  end

  def self.totals
    { count: count, active: active.count, amount: sum(:amount) }
  end

  private

  def starts_in_this_century
    errors.add(:starts_on, "is too early") if starts_on && starts_on.year < 2000
  end
end
