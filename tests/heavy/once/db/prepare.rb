# Makes and fills the two databases of tenants from schema.rb and archive_schema.rb, without booting Rails:
# ruby db/prepare.rb DIRECTORY NAME …
require "fileutils"
require "sqlite3"

# As much of ActiveRecord's schema language as the two files use; what comes out is what Rails itself would have made.
module ActiveRecord
  module Schema
    TYPES = { string: "varchar", integer: "integer", boolean: "boolean", decimal: "decimal(10,2)", text: "text", date: "date",
              datetime: "datetime(6)" }.freeze
    Table = Struct.new(:columns) do
      TYPES.each do |name, type|
        define_method(name) do |column, null: true, default: nil, **|
          columns << %("#{column}" #{type}#{" DEFAULT #{default == true ? 1 : default}" unless default.nil?}#{" NOT NULL" unless null})
        end
      end
    end

    class << self
      attr_accessor :database

      def define(version:, &block)
        database.execute(%(CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY)))
        database.execute(%(CREATE TABLE "ar_internal_metadata" ("key" varchar NOT NULL PRIMARY KEY, "value" varchar, \
"created_at" datetime(6) NOT NULL, "updated_at" datetime(6) NOT NULL)))
        database.execute("INSERT INTO schema_migrations VALUES (?)", version.to_s)
        database.execute("INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '2026-01-01', '2026-01-01')")
        instance_eval(&block)
      end

      def create_table(name)
        table = Table.new(['"id" integer PRIMARY KEY AUTOINCREMENT NOT NULL'])
        yield table
        database.execute(%(CREATE TABLE "#{name}" (#{table.columns.join(", ")})))
      end

      def add_index(table, column, name:)
        database.execute(%(CREATE INDEX "#{name}" ON "#{table}" ("#{column}")))
      end
    end
  end
end

ROWS = 5
FILES = { "schema.rb" => "%s.sqlite3", "archive_schema.rb" => "%s-archive.sqlite3" }.freeze

# A database with +ROWS+ rows in every table of a model; whose it is, is not yet said.
def make(path, schema)
  database = ActiveRecord::Schema.database = SQLite3::Database.new(path)
  database.execute("PRAGMA journal_mode = WAL")
  database.transaction do
    load File.join(__dir__, schema)
    database.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%\"position\"%' AND type = 'table'").flatten.each do |table|
      ROWS.times do |row|
        values = ["#{table} #{row}", row, row.even? ? 1 : 0, row * 12.5, "Row #{row}.", "2026-01-0#{row + 1}", 1]
        database.execute("INSERT INTO #{table} VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, '2026-01-01', '2026-01-01')", values)
      end
    end
  end
  database.close
end

abort "usage: ruby db/prepare.rb DIRECTORY NAME …" if ARGV.size < 2
directory, *names = ARGV
FileUtils.mkdir_p(directory)
FILES.each do |schema, file|
  paths = names.map { |name| File.join(directory, format(file, name)) }
  make(paths.first, schema)
  paths.drop(1).each { |path| FileUtils.copy_file(paths.first, path) }
  paths.zip(names) do |path, name|
    database = SQLite3::Database.new(path)
    database.execute("INSERT INTO events (title) VALUES (?)", name)
    database.close
  end
end
