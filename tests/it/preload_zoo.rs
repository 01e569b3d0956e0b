//! A second Rails application for the tests of src/preload/rails.rb, with what the showcase has not: several databases, a replica,
//! a shard, stored files, and (if asked) a verifier in a constant.

use std::fs;
use std::path::Path;

const FILES: &[(&str, &str)] = &[
    ("config/boot.rb", "require \"bundler/setup\"\n"),
    ("config/environment.rb", "require_relative \"application\"\nRails.application.initialize!\n"),
    (
        "config/application.rb",
        r#"
require_relative "boot"
require "rails/all"
class Zoo < Rails::Application
  config.load_defaults 6.1
  config.eager_load = true
  config.logger = ActiveSupport::Logger.new($stdout)
  config.cache_store = :memory_store
  config.active_storage.service = :local
end
"#,
    ),
    (
        "config/database.yml",
        r#"
production:
  primary: { adapter: sqlite3, database: "<%= ENV["DATA"] %>/primary.sqlite3" }
  animals: { adapter: sqlite3, database: "<%= ENV["DATA"] %>/animals.sqlite3" }
  animals_replica: { adapter: sqlite3, database: "<%= ENV["DATA"] %>/animals.sqlite3", replica: true }
  night: { adapter: sqlite3, database: "<%= ENV["DATA"] %>/night.sqlite3" }
"#,
    ),
    ("config/storage.yml", "local: { service: Disk, root: \"<%= ENV[\"DATA\"] %>/storage\" }\n"),
    ("config/routes.rb", "Rails.application.routes.draw { root \"zoo#show\" }\n"),
    ("config/puma.rb", "threads 2, 2\non_worker_boot { ENV[\"BOOTED\"] = \"a worker\" }\n"),
    ("config.ru", "require_relative \"config/environment\"\nrun Rails.application\n"),
    (
        "app/models/application_record.rb",
        "class ApplicationRecord < ActiveRecord::Base\n  self.abstract_class = true\nend\n",
    ),
    (
        "app/models/animals_record.rb",
        r#"
class AnimalsRecord < ApplicationRecord
  self.abstract_class = true
  connects_to shards: { default: { writing: :animals, reading: :animals_replica }, night: { writing: :night, reading: :night } }
end
"#,
    ),
    ("app/models/keeper.rb", "class Keeper < ApplicationRecord; end\n"),
    ("app/models/animal.rb", "class Animal < AnimalsRecord; end\n"),
    (
        "app/controllers/zoo_controller.rb",
        r#"
class ZooController < ActionController::Base
  def show
    animals = { writing: :default, reading: :default, night: :night }.map do |role, shard|
      ActiveRecord::Base.connected_to(role: role == :night ? :writing : role, shard: shard) { Animal.pluck(:name) }
    end
    signed = [ActiveStorage.verifier, SignedGlobalID.verifier, Rails.application.message_verifier("x")].map { |one| one.generate(1) }
    render json: { keepers: Keeper.pluck(:name), animals: animals.flatten, cached: Rails.cache.fetch("data") { ENV["DATA"] },
                   storage: ActiveStorage::Blob.service.root, booted: ENV["BOOTED"], signed: signed, signed_id: Keeper.first&.signed_id }
  end
end
"#,
    ),
    ("db/schema.rb", "ActiveRecord::Schema.define(version: 1) { create_table(:keepers) { |t| t.string :name } }\n"),
    (
        "db/night_schema.rb",
        "ActiveRecord::Schema.define(version: 3) { create_table(:animals) { |t| t.string :name } }\n",
    ),
    (
        "db/animals_structure.sql",
        "CREATE TABLE sqlite_sequence(name,seq);\nCREATE TABLE animals (id integer PRIMARY KEY, name varchar);\n\
         CREATE TABLE schema_migrations (version varchar PRIMARY KEY);\nINSERT INTO schema_migrations VALUES ('2');\n",
    ),
];

/// The databases of a tenant: file, and SQL with `@` for its name.
pub const DATABASES: &[(&str, &str)] = &[
    (
        "primary.sqlite3",
        "CREATE TABLE keepers (id integer PRIMARY KEY, name varchar); INSERT INTO keepers VALUES (1, 'keeper of @');
         CREATE TABLE schema_migrations (version varchar); INSERT INTO schema_migrations VALUES ('1');",
    ),
    (
        "animals.sqlite3",
        "CREATE TABLE animals (id integer PRIMARY KEY, name varchar); INSERT INTO animals VALUES (1, 'lion of @');
         CREATE TABLE schema_migrations (version varchar); INSERT INTO schema_migrations VALUES ('2');",
    ),
    (
        "night.sqlite3",
        "CREATE TABLE animals (id integer PRIMARY KEY, name varchar); INSERT INTO animals VALUES (1, 'owl of @');
         CREATE TABLE schema_migrations (version varchar); INSERT INTO schema_migrations VALUES ('3');",
    ),
];

/// Writes the application; `more` comes on top.
pub fn write(directory: &Path, more: &[(&str, &str)]) {
    for (name, text) in FILES.iter().chain(more) {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
}
