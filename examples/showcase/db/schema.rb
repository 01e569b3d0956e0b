ActiveRecord::Schema.define(version: 1) do
  create_table :events do |t|
    t.string :title, null: false
  end

  create_table :judges do |t|
    t.string :letter, null: false, index: { unique: true }
    t.string :name, null: false
  end

  create_table :couples do |t|
    t.integer :number, null: false, index: { unique: true }
    t.string :lead, null: false
    t.string :follow, null: false
    t.string :studio, null: false
    t.integer :total, null: false, default: 0
  end

  create_table :heats do |t|
    t.integer :number, null: false, index: { unique: true }
    t.string :dance, null: false
    t.string :category, null: false
  end

  create_table :entries do |t|
    t.references :heat, null: false, foreign_key: true
    t.references :couple, null: false, foreign_key: true
    t.index [:heat_id, :couple_id], unique: true
  end

  create_table :scores do |t|
    t.references :entry, null: false, foreign_key: true
    t.references :judge, null: false, foreign_key: true
    t.integer :value, null: false
    t.datetime :created_at, null: false
    t.index [:entry_id, :judge_id, :id]
  end

  create_table :tallies do |t|
    t.string :ran_in, null: false
    t.integer :pid, null: false
    t.datetime :created_at, null: false
  end
end
