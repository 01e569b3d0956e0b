# Writes a large Rails application: ruby tests/heavy/generate.rb DIRECTORY [MODELS=320]
#
# What it has once is copied from once/. Of each model there are a table, a class, a controller with 12 routes, a helper and
# seven views, as in each/, where the model's name is "thing". Every eighth model lives in the second database. The same
# arguments write the same files.
require "fileutils"

QUALIFIERS = %w[Amateur Bronze Closed District Evening Final Gold Heritage Indoor Junior Latin Master National Open Professional
                Quarter Regional Silver Team Veteran].freeze
NOUNS = %w[Agenda Badge Couple Dance Entrant Floor Guest Heat Invoice Judge Key Label Medal Note Order Payment Quote Room Score
           Ticket].freeze
PAGES = 20
EACH = File.join(__dir__, "each")

# +previous+ is the class that it belongs to, of the same database.
Model = Struct.new(:number, :name, :previous) do
  def singular = name.gsub(/(?<=[a-z])(?=[A-Z])/, "_").downcase
  def plural = "#{singular}s"
  def archived? = number % 8 == 7

  # Path => text.
  def files
    Dir.glob("**/*.*", base: EACH).to_h { |path| [own(path), own(File.read(File.join(EACH, path)))] }
  end

  def table
    <<-RUBY
  create_table "#{plural}" do |t|
    t.string "name", null: false
    t.integer "position", default: 0, null: false
    t.boolean "active", default: true, null: false
    t.decimal "amount", precision: 10, scale: 2
    t.text "note"
    t.date "starts_on"
    t.integer "parent_id"
    t.datetime "created_at", precision: 6, null: false
    t.datetime "updated_at", precision: 6, null: false
  end

  add_index "#{plural}", "parent_id", name: "index_#{plural}_on_parent_id"
    RUBY
  end

  def routes
    "  resources(:#{plural}) { member { get :report; post :archive }; collection { get :search; get :summary } }\n"
  end

  private

  def own(text)
    text = text.gsub("PreviousThing", previous).gsub("Thing", name).gsub("thing", singular)
    archived? ? text.gsub("ApplicationRecord", "ArchiveRecord") : text
  end
end

def models(count)
  names = QUALIFIERS.product(NOUNS).first(count).map(&:join)
  names.each_with_index.map { |name, number| Model.new(number, name, names[[number - 8, number % 8].max]) }
end

def schema(models, tables)
  tables = tables.map do |name, columns|
    "  create_table \"#{name}\" do |t|\n#{columns.map { |column, type| "    t.#{type} \"#{column}\"\n" }.join}  end\n"
  end
  "ActiveRecord::Schema.define(version: 2026_01_01_000000) do\n#{(tables + models.map(&:table)).join("\n")}end\n"
end

def routes(models)
  probes = %w[whoami visits].map { |probe| "  get \"#{probe}\", to: \"probes##{probe}\"\n" }
  lines = ["  root \"home#index\"\n", *probes, "  post \"visit\", to: \"probes#visit\"\n", *models.map(&:routes)]
  "Rails.application.routes.draw do\n#{lines.join}end\n"
end

directory, count = ARGV
count = Integer(count || 320)
most = QUALIFIERS.size * NOUNS.size
abort "usage: ruby tests/heavy/generate.rb DIRECTORY [MODELS, #{PAGES} to #{most}]" unless directory && count.between?(PAGES, most)

all = models(count)
archived, first = all.partition(&:archived?)
files = all.map(&:files).reduce({}, :merge)
files["config/routes.rb"] = routes(all)
files["db/schema.rb"] = schema(first, events: { title: :string }, visits: { word: :string, pid: :integer })
files["db/archive_schema.rb"] = schema(archived, events: { title: :string, note: :string })
# What is asked for when memory is measured; some of it is in the second database.
files["config/pages.txt"] = Array.new(PAGES) { |page| "/#{all[(page * 16 + page % 8) % count].plural}\n" }.join

FileUtils.mkdir_p(directory)
FileUtils.cp_r(File.join(__dir__, "once/."), directory)
files.each do |path, text|
  path = File.join(directory, path)
  FileUtils.mkdir_p(File.dirname(path))
  File.write(path, text)
end
