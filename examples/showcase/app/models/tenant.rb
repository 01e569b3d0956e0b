# The database of this process. Sidekiq, one process for all tenants, borrows theirs one after the other.
module Tenant
  LOCK = Mutex.new

  # Makes and fills an empty database; a second process that starts at the same time waits for the first.
  def self.prepare
    FileUtils.mkdir_p(File.dirname(path))
    File.open("#{path}.lock", File::CREAT | File::RDWR) do |lock|
      lock.flock(File::LOCK_EX)
      ActiveRecord::Base.connection.execute("PRAGMA journal_mode = WAL")
      fill unless ActiveRecord::Base.connection.table_exists?("events")
    end
  end

  # Where the database is, as an absolute path.
  def self.path
    File.expand_path(ActiveRecord::Base.connection_db_config.database, Rails.root)
  end

  # Runs the block on the database at +path+.
  def self.borrow(path)
    return yield if path == self.path

    LOCK.synchronize do
      ActiveRecord::Base.establish_connection(adapter: "sqlite3", database: path, timeout: 5000)
      yield
    end
  end

  # All or nothing: whoever is killed in the middle leaves an empty database, which the next start fills.
  def self.fill
    ActiveRecord::Base.transaction do
      ActiveRecord::Schema.verbose = false
      load Rails.root.join("db/schema.rb")
      load Rails.root.join("db/seeds.rb")
    end
  end
  private_class_method :fill
end
