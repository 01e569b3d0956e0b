# The Ruby half of `preload = "rails"`: a template process, which boots a Rails application once and is forked for each tenant.
#
# tenantd starts it in the application's directory (`bundle exec ruby rails.rb …`; the other words only make room for the title
# of the tenants) with a control socket as descriptor 3: SEQPACKET, one JSON object a message. It boots and warms the
# application on scratch databases, says "ready" and waits. At each "fork" a child takes over the tenant's environment, binds
# everything to the tenant's own database, checks that it did, and becomes an ordinary Puma. Whatever goes wrong ends the
# child with one line of reason, and tenantd starts the tenant the ordinary way: a child never serves from a database that
# is not its tenant's.
#
# For Ruby 3.1 to 3.4 and Rails 6.1 to 8. Tested with Rails 6.1 and Puma 5.6 only; where the versions differ, a respond_to?
# decides and a comment names the version.
require "socket" # part of Ruby; what could be a gem is loaded when the application's Gemfile has had its say

module Tenantd
  # For the application's hook (config/tenant_fork.rb), which a child loads when its databases are bound.
  module Preload
    VERSION = 1
    ROOT = Dir.pwd

    # The cookie of the session: session(key: "_events_boston", path: "/boston"). Options not named stay as they are.
    def self.session(**options)
      config = Rails.application.config
      store = config.session_store or return
      config.session_options.merge!(options)
      rebuild_middleware { |stack| stack.swap(store, store, config.session_options) }
    end

    # Makes the middlewares anew: rebuild_middleware { |stack| stack.swap(Rack::X, Rack::X, "an option of this tenant") }
    def self.rebuild_middleware
      app = Rails.application
      app.config.middleware = app.config.middleware.dup.tap { |stack| yield stack if block_given? } # the built one is frozen
      app.instance_variable_set(:@app, app.config.middleware.build(app.endpoint))
    end

    # Ends a boot or a child: `what` is a word for programs, the message a line for people.
    class Refusal < StandardError
      attr_reader :what

      def initialize(what, text)
        super(text)
        @what = what
      end
    end

    def self.refuse(what, text)
      raise Refusal.new(what, text)
    end

    # What this process has open: number => what it is.
    def self.descriptors
      Dir.children("/proc/self/fd").to_h { |fd| [fd.to_i, (File.readlink("/proc/self/fd/#{fd}") rescue "")] }
    end

    # The messages: one datagram, one JSON object, descriptors beside it.
    class Control
      LIMIT = 65_536

      def initialize(socket)
        @socket = socket
      end

      # The next message as [kind, content, descriptors]; nil when the other side is gone. A bad one raises Refusal, after its
      # first descriptor was told (a reply goes there) and all were closed.
      def receive
        bytes, _, flags, *controls = @socket.recvmsg(LIMIT + 1, 0, 4096, scm_rights: true)
        files = controls.flat_map { |control| control.unix_rights || [] }
        return if bytes.to_s.empty? && files.empty?

        whole = (flags & (Socket::MSG_TRUNC | Socket::MSG_CTRUNC)).zero? && bytes.bytesize <= LIMIT
        whole or Preload.refuse("message", "more than #{LIMIT} bytes, or too many descriptors")
        [*parse(bytes), files]
      rescue Refusal => refusal
        Control.refuse(files.first, refusal)
        files.each(&:close)
        raise
      end

      def send(kind, content)
        @socket.sendmsg(JSON.generate("v" => VERSION, kind => content))
      end

      # Nobody may be listening any more, and the text may hold anything.
      def self.refuse(socket, error)
        return unless socket.is_a?(BasicSocket)

        text = error.message.dup.force_encoding("UTF-8").scrub.lines.first(3).map(&:strip).join(" ")[0, 1000]
        new(socket).send("error", "what" => error.is_a?(Refusal) ? error.what : "fork", "text" => text)
      rescue SystemCallError, IOError
        nil
      end

      private

      def parse(bytes)
        message = JSON.parse(bytes.force_encoding("UTF-8"))
        message.is_a?(Hash) or Preload.refuse("message", "not an object")
        version = message.delete("v")
        version == VERSION or Preload.refuse("message", "version #{version.inspect} is not #{VERSION}")
        kind, content = message.first
        message.size == 1 && content.is_a?(Hash) or Preload.refuse("message", "not one named object")
        [kind, content]
      rescue JSON::ParserError, EncodingError => error
        Preload.refuse("message", "not JSON: #{error.message}")
      end
    end

    # Who reads which variable while the application boots. What is made of it is the same in all tenants for ever: one that
    # gives it another value must not be forked, unless the hook takes care. Reads by C libraries (getenv) are not seen.
    module Tracer
      ONE = %i[[] fetch key? has_key? include? member? assoc delete values_at slice].freeze
      ALL = %i[each each_pair each_key each_value select filter reject except keys values to_a to_h to_hash inspect key
               rassoc value? has_value?].freeze
      PLACES = 3
      # Read before this script runs: by Ruby, Bundler and the C library.
      START = %w[BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_WITHOUT BUNDLE_WITH BUNDLE_APP_CONFIG GEM_HOME GEM_PATH RUBYOPT RUBYLIB
                 LANG LC_ALL LC_CTYPE LD_PRELOAD MALLOC_ARENA_MAX MALLOC_CONF RUBY_YJIT_ENABLE].freeze
      # A child evaluates these again, …
      AGAIN = %w[database.yml puma.rb cable.yml storage.yml ../config.ru].map { |name| File.expand_path("config/#{name}", ROOT) }
      # … binds these again as far as Rails itself has read them (what an application makes of them counts), …
      REBOUND = /\A(.+_)?DATABASE_URL\z|\ASECRET_KEY_BASE\z|\ARAILS_RELATIVE_URL_ROOT\z/
      RAILS = %r{/gems/(rails|railties|active|action)[a-z_]*-\d}
      # … and is given these by tenantd.
      GIVEN = /\A(NOTIFY_SOCKET|LISTEN_(FDS|PID|FDNAMES)|WATCHDOG_(PID|USEC))\z/
      READS = Module.new

      class << self
        attr_reader :places, :wholes
        attr_writer :during

        def start
          @places, @wholes = {}, []
          ONE.each { |name| READS.define_method(name) { |*keys, &block| Tracer.saw(name, keys); super(*keys, &block) } }
          ALL.each { |name| READS.define_method(name) { |*words, &block| Tracer.saw_all; super(*words, &block) } }
          ENV.singleton_class.prepend(READS)
        end

        # A module cannot be taken away, but an empty one costs nothing.
        def stop
          READS.instance_methods.each { |name| READS.remove_method(name) }
        end

        def saw(name, keys)
          keys = keys.first(1) if name == :fetch
          keys.grep(String).grep_v(GIVEN).each do |key|
            next if @places[key] && @places[key].size >= PLACES
            next unless (place = reader) && !(REBOUND.match?(key) && RAILS.match?(place))

            @places[key] = (@places[key] || []) | ["#{place}#{@during}"]
          end
        end

        def saw_all
          place = reader if @wholes.size < PLACES
          @wholes |= [place] if place && !place.include?("/bundler")
        end

        # For people: relative to the application, or to a gem.
        def name(place)
          inside = place.delete_prefix("#{ROOT}/")
          return "gem #{$1}: #{$2}" if inside =~ %r{/gems/([^/]+-\d[^/]*)/(.+)}

          libraries = RbConfig::CONFIG.values_at("rubylibdir", "vendordir")
          libraries.reduce(inside) { |path, library| path.sub(/\A#{Regexp.escape(library)}./, "ruby: ") }
        end

        private

        def reader
          frames = caller_locations(3, 14).reject { |frame| frame.path == __FILE__ || frame.path.start_with?("<internal:") }
          "#{frames[0].path}:#{frames[0].lineno}" unless frames.empty? || frames.any? { |frame| AGAIN.include?(frame.path) }
        end
      end

      # RAILS_RELATIVE_URL_ROOT by another name.
      module Prefix
        def relative_url_root
          Tracer.saw(:[], ["RAILS_RELATIVE_URL_ROOT"])
          super
        end
      end
    end

    # Every connection pool, and what differs between the versions of Rails.
    module Pools
      module_function

      # handler, owner, role, shard and pool configuration of each.
      def all
        handlers.flat_map do |name, handler|
          names = %i[@owner_to_pool_manager @connection_name_to_pool_manager] # 6.1 and 7.0; 7.1 and later
          names.filter_map { |ivar| handler.instance_variable_get(ivar) }.first.values.flat_map do |manager|
            roles = manager.respond_to?(:role_names) ? manager.role_names : [name]
            roles.product(manager.shard_names.uniq).filter_map do |role, shard|
              pool = manager.get_pool_config(role, shard) and [handler, owner(pool), role, shard, pool]
            end
          end
        end
      end

      # Rails 6.1 with legacy_connection_handling has a handler for each role.
      def handlers
        base = ActiveRecord::Base
        legacy = base.respond_to?(:connection_handlers) && base.legacy_connection_handling
        legacy ? base.connection_handlers.to_a : [[nil, base.default_connection_handler]]
      end

      # 8: connection_descriptor, 7: connection_class, 6.1: connection_klass.
      def owner(config)
        config.public_send(%i[connection_descriptor connection_class connection_klass].find { |name| config.respond_to?(name) })
      end

      # Puts a pool in the place of another, with the cache of its columns: the tables are the same.
      def replace(handler, owner, role, shard, old, db_config)
        clobber = { clobber: true } if handler.method(:establish_connection).parameters.include?([:key, :clobber]) # 7.1 and later
        pool = handler.establish_connection(db_config, owner_name: owner, role: role, shard: shard, **clobber.to_h)
        cache = %i[schema_reflection schema_cache].find { |name| old.respond_to?("#{name}=") } # 7.1 and later; 6.1 and 7.0
        pool.pool_config.public_send("#{cache}=", old.public_send(cache)) if cache && pool.respond_to?(:pool_config)
      end

      # The last migration that the database has seen, "" without any.
      def version(connection)
        table = ActiveRecord::Base.schema_migrations_table_name
        return "" unless connection.select_value("SELECT 1 FROM sqlite_master WHERE name = #{connection.quote(table)}")

        connection.select_value("SELECT max(CAST(version AS INTEGER)) FROM #{connection.quote_table_name(table)}").to_s
      end
    end

    # Databases for the boot and the warm-up, in a private directory: the template knows no tenant's.
    module Scratch
      # In front of ActiveRecord::Base.configurations=, through which every version of Rails hands over database.yml.
      module Configurations
        def configurations=(given)
          super
          super(Scratch.replace(configurations.configurations)) if Scratch.directory
        end
      end

      class << self
        # Where it is, where it was, and database => version of its schema.
        attr_reader :directory, :was, :schema

        def make
          @directory = @was = File.realpath(Dir.mktmpdir("tenantd-preload-"))
          @owner, @schema = Process.pid, {}
          # An application without database.yml lives from DATABASE_URL alone, and does not boot without it.
          ENV["DATABASE_URL"] ||= "sqlite3:#{@directory}/primary.sqlite3" unless File.exist?("config/database.yml")
          ActiveSupport.on_load(:active_record) { singleton_class.prepend(Configurations) }
        end

        # Only by the process that made it: a child that ends must not take anything away.
        def remove
          FileUtils.rm_rf(@directory) if @directory && @owner == Process.pid
          @directory = nil
        end

        # The configurations of this environment, each with a file of its own; a replica has its primary's.
        def replace(configs)
          here = configs.select { |config| config.env_name == Rails.env }
          here.map do |config|
            adapter, database = config.configuration_hash.values_at(:adapter, :database)
            adapter == "sqlite3" or Preload.refuse("database", "preload is for SQLite only: #{config.name} has #{adapter.inspect}")
            database == ":memory:" and Preload.refuse("database", "#{config.name} is in memory: a tenant has none to bind to")
            same = here.select { |other| !other.replica? && other.configuration_hash[:database] == database }
            source = config.replica? && same.first || config
            hash = config.configuration_hash.except(:url).merge(database: "#{@directory}/#{source.name}.sqlite3")
            ActiveRecord::DatabaseConfigurations::HashConfig.new(config.env_name, config.name, hash)
          end
        end

        # Tables for each database, where the application has not made them while booting.
        def fill
          ActiveRecord::Migration.verbose = false
          kept = ActiveRecord::Base.connection_db_config
          ActiveRecord::Base.configurations.configurations.reject(&:replica?).each do |config|
            # schema.rb speaks to ActiveRecord::Base, so that this has to be there for the moment.
            ActiveRecord::Base.establish_connection(config).with_connection do |connection|
              load_schema(connection, config) if (connection.tables - %w[schema_migrations ar_internal_metadata]).empty?
              @schema[config.name] = Pools.version(connection)
            end
          end
          ActiveRecord::Base.establish_connection(kept)
        end

        private

        def load_schema(connection, config)
          prefix = ActiveRecord::Base.configurations.primary?(config.name) ? "" : "#{config.name}_"
          ruby, sql = "#{ROOT}/db/#{prefix}schema.rb", "#{ROOT}/db/#{prefix}structure.sql"
          return load(ruby) if File.exist?(ruby)
          text = File.read(sql).gsub(/^CREATE TABLE sqlite_.*;$/, "") if File.exist?(sql) # what SQLite makes itself, and refuses
          return connection.raw_connection.execute_batch(text) if text

          owner = connection.respond_to?(:migration_context) ? connection : connection.pool # of the pool from 7.2 on
          owner.migration_context.migrate
        end
      end
    end

    # Without a SECRET_KEY_BASE of all tenants the template boots with a random one. Nothing made of it may be left at the
    # first fork, or one tenant would sign with another's key. (SECRET_KEY_BASE_DUMMY of Rails 7.1 is no help: with it Rails
    # writes tmp/local_secret.txt, and asks for SECRET_KEY_BASE no more.)
    module Secret
      # Keeps a fingerprint of each key that is made, to know it again.
      module Derived
        def generate_key(*)
          super.tap { |key| Secret.note(key) }
        end
      end

      class << self
        # Why a tenant with another secret cannot be forked; nil if it can.
        attr_reader :kept

        def lend
          @shared = ENV["SECRET_KEY_BASE"]
          return @kept = "the template's own, as the shared environment has it" if @shared

          @prints = {}
          note(ENV["SECRET_KEY_BASE"] = SecureRandom.hex(64))
          ActiveSupport::KeyGenerator.prepend(Derived)
        end

        def note(key)
          @prints[Digest::SHA256.digest(key)] = key.bytesize
        end

        # What Rails itself has made goes.
        def forget
          return if @shared

          Derived.remove_method(:generate_key)
          ENV.delete("SECRET_KEY_BASE")
          app = Rails.application
          app.instance_variable_get(:@key_generators)&.clear # 7.0 and later; made by the constructor
          %i[@caching_key_generator @app_env_config @secrets].each { |name| clear(app, name) }
          clear(app.config, :@secret_key_base) if ours?(app.config.instance_variable_get(:@secret_key_base)) # 7.1 and later
          verifiers = app.instance_variable_get(:@message_verifiers)
          (verifiers.is_a?(Hash) ? verifiers : verifiers&.instance_variable_get(:@codecs))&.clear # a Hash up to 7.0
          @made = makers.select { |owner, name, _| owner.respond_to?(name) && ours?(owner.public_send(name)) }
          @made.each { |owner, name, _| owner.public_send("#{name}=", nil) }
          clear(Turbo, :@signed_stream_verifier) if defined?(Turbo)
          models = defined?(ActiveRecord::Base) ? [ActiveRecord::Base, *ActiveRecord::Base.descendants] : []
          models.each { |model| clear(model, :@signed_id_verifier) }
        end

        # What is left is in the hands of the application or a gem: every live string that is such a key.
        def search
          return if @shared

          sizes = @prints.values.uniq
          left = ObjectSpace.each_object(String).count { |text| sizes.include?(text.bytesize) && ours?(text) }
          return if left.zero?

          kinds = %w[MessageVerifier MessageEncryptor KeyGenerator CachingKeyGenerator].map { |name| ActiveSupport.const_get(name) }
          found = kinds.map { |kind| "#{kind.name} #{ObjectSpace.each_object(kind).count}" }.grep_v(/ 0\z/)
          @kept = "kept by the application since it booted: #{left} keys made of it (#{found.join(", ")})"
        end

        # In the child: from its own secret, which may as well be in the credentials.
        def bind
          @kept && ENV["SECRET_KEY_BASE"] != @shared and Preload.refuse("env", "SECRET_KEY_BASE differs, and it is #{@kept}")
          @made&.each { |owner, name, make| owner.public_send("#{name}=", make.call) }
          Rails.application.secret_key_base # raises without one
        end

        private

        # It is made anew when it is wanted.
        def clear(owner, name)
          owner.remove_instance_variable(name) if owner.instance_variable_defined?(name)
        end

        def ours?(value)
          value = value.instance_variable_get(:@secret) unless value.is_a?(String)
          value.is_a?(String) && @prints.key?(Digest::SHA256.digest(value))
        end

        # Where railties put what they make of the secret, and how they make it. Untested: Turbo, and Rails 7.1's last one.
        def makers
          app = Rails.application
          key = ->(name) { app.key_generator.generate_key(name) }
          global = -> { GlobalID::Verifier.new(key.call("signed_global_ids")) }
          [(defined?(ActiveStorage) && [ActiveStorage, :verifier, -> { app.message_verifier("ActiveStorage") }]),
           (defined?(SignedGlobalID) && [app.config.global_id, :verifier, global]),
           (defined?(SignedGlobalID) && [SignedGlobalID, :verifier, -> { app.config.global_id.verifier }]),
           (defined?(Turbo) && [Turbo, :signed_stream_verifier_key, -> { key.call("turbo/signed_stream_verifier_key") }]),
           (defined?(ActiveRecord::Base) &&
             [ActiveRecord::Base, :generated_token_verifier, -> { app.message_verifier("active_record/token_for") }])].select(&:itself)
        end
      end
    end

    # Boots, warms, closes, collects, and waits for orders.
    class Template
      TAILS = 40 # large strings, each of which has malloc(3) sort up to 10,000 free pieces
      PATIENCE = 5 # seconds for the process in the middle, which has nothing to do but to fork
      KNOWN_THREADS = %r{active_record|action_cable|/concurrent|concurrent-ruby|/timeout} # they come back after a fork
      BUNDLER = /\A(BUNDLE_|BUNDLER_|GEM_HOME\z|RUBYOPT\z|RUBYLIB\z)/ # what `bundle exec` has added, for the programs that a tenant starts

      def initialize(socket)
        @socket, @control, @notes = socket, Control.new(socket), []
      end

      def run
        started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        given = ENV.to_h
        Tracer.start
        load_gems
        @order = @control.receive&.at(1) or return
        apart do
          @tails = Array.new(TAILS) { |n| "x" * (1_100 + n) } # each in this arena, see settle
          boot
          @warmed = warm(Array(@order["warm"]))
        end
        @added = ENV.to_h.reject { |key, _| given.key?(key) && !BUNDLER.match?(key) || Tracer::REBOUND.match?(key) }
        settle
        Process.setproctitle("tenantd preload: #{ROOT}")
        @control.send("ready", ready.merge("seconds" => (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).round(2)))
        wait
      ensure
        Scratch.remove
      end

      private

      # In a thread, for which malloc(3) has an arena of its own: a tenant goes on in this one, and what it allocates lies
      # beside what all share, not in the holes between.
      def apart(&block)
        thread = Thread.new(&block)
        thread.report_on_exception = false
        thread.value
      end

      # Bundler first, as config/boot.rb wants it; Puma before the application, as `puma` does.
      def load_gems
        require "#{ROOT}/config/boot" if File.exist?("#{ROOT}/config/boot.rb")
        %w[digest fileutils json rbconfig securerandom tmpdir puma/cli puma/single rack/mock].each { |name| require name }
        # What is loaded in a tenant sets constants, for which Ruby forgets where it has found all others.
        %w[sd_notify puma/systemd puma/rack/builder rack/builder rack/server rack/urlmap nio].each do |name|
          require name
        rescue LoadError
          nil # not in the Gemfile, or not in this version of Puma
        end
      end

      def boot
        hook = @order["hook"]
        @order["hook_required"] && !File.file?(hook.to_s) and Preload.refuse("hook", "the hook #{hook} is missing")
        require "rails"
        require "active_support/key_generator"
        Rails::Application::Configuration.prepend(Tracer::Prefix)
        Secret.lend
        require "#{ROOT}/config/application"
        Scratch.make
        reads_of_database { require "#{ROOT}/config/environment" }
        Rails.application.eager_load!
        Rails.application.config.cache_classes or @notes << "config.cache_classes is off: the application loads its files again"
        return unless defined?(ActiveRecord::Base)

        Scratch.fill
        seeds = "#{ROOT}/db/preload_seeds.rb"
        load(seeds) if File.file?(seeds)
      end

      # What an application makes of its database while booting, it makes of the scratch one, for all tenants.
      def reads_of_database(&block)
        seen = lambda do |*, payload|
          next if payload[:name] == "SCHEMA" || !payload[:sql].match?(/\ASELECT (?!sqlite_version)/)

          frames = caller_locations(1, 80).select { |frame| frame.path.start_with?(ROOT) && !frame.path.include?("/gems/") }
          next if frames.empty? || frames.any? { |frame| frame.path.start_with?("#{ROOT}/db/") } # it makes its tables

          place = Tracer.name("#{frames[0].path}:#{frames[0].lineno}")
          @notes |= ["#{place} reads the database while booting, where it is no tenant's"]
        end
        ActiveSupport::Notifications.subscribed(seen, "sql.active_record", &block)
      end

      # A request loads what eager loading does not: views, translations. No answer may stay in a cache, or on a stack where
      # the conservative collector would find it: hence the thread.
      def warm(paths)
        Tracer.during = " (during a request)"
        owners = { Rails => :cache }
        owners.update(ActionController::Base => :cache_store, ActionController::API => :cache_store) if defined?(ActionController)
        owners.select! { |owner, name| owner.respond_to?("#{name}=") }
        kept = owners.map { |owner, name| [owner, name, owner.public_send(name)] }
        kept.each { |owner, name, _| owner.public_send("#{name}=", ActiveSupport::Cache::NullStore.new) }
        Thread.new { paths.map { |path| [path, request(path)] } }.value
      ensure
        kept&.each { |owner, name, cache| owner.public_send("#{name}=", cache) }
      end

      def request(path)
        config = Rails.application.config
        host = config.hosts.grep(String).first&.delete_prefix(".") || "localhost"
        env = Rack::MockRequest.env_for(path, "HTTP_HOST" => host, "REMOTE_ADDR" => "127.0.0.1", "HTTP_ACCEPT" => "text/html")
        env["HTTP_X_FORWARDED_PROTO"] = "https" if config.force_ssl
        status, _, body = Rails.application.call(env)
        body.each { |part| part }
        body.close if body.respond_to?(:close)
        @notes << "warming #{path}: status #{status}" if status >= 500
        status
      rescue StandardError, ScriptError => error
        @notes << "warming #{path}: #{error.class}: #{error.message}"
        500
      end

      def settle
        Tracer.stop
        ActionCable.server.restart if defined?(ActionCable) && ActionCable.server.instance_variable_get(:@pubsub)
        Pools.all.each { |*, config| config.pool.disconnect! } if defined?(ActiveRecord::Base)
        Secret.forget
        Scratch.remove
        3.times { GC.start }
        Secret.search
        compact
      end

      # So that what the tenants share is on few pages, which they do not write to; what was freed goes back to the kernel.
      def compact
        GC.compact if GC.respond_to?(:compact)
        Process.warmup if Process.respond_to?(:warmup) # Ruby 3.3 and later (untested)
        require "fiddle" # leaves Ruby with 3.5, and is not needed
        Fiddle::Function.new(Fiddle.dlopen(nil)["malloc_trim"], [Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT).call(0)
      rescue LoadError, NotImplementedError, StandardError
        nil # no compaction here, or another C library
      ensure
        sort_what_is_free
      end

      # What the collector gives back, malloc(3) sorts by size when it next looks for a large piece, and writes to each. It shall do
      # so here, in both arenas, and not in each tenant. Measured: 20 MB of what a tenant writes to, and a third of its start.
      def sort_what_is_free
        @tails.each_with_index { |tail, n| tail << "x" * (40_000 + 400 * n) }
        @tails += Array.new(TAILS) { |n| "x" * (40_000 + 400 * n) }
      end

      def ready
        files = Preload.descriptors
        sockets = files.count { |fd, link| fd > 3 && link.start_with?("socket:") }
        open = files.select { |fd, link| database?(fd, link) }.values
        @notes << "#{sockets} sockets are open, which all tenants would share" if sockets.positive?
        @notes.concat(open.map { |link| "#{link} is still open" })
        @notes.concat(Tracer.wholes.map { |place| "#{Tracer.name(place)} reads all variables at once" })
        fit("engine" => "rails #{Rails.version}, ruby #{RUBY_VERSION}", "schema" => Scratch.schema, "env" => variables,
            "threads" => (Thread.list - [Thread.main]).map { |thread| thread.name || thread.inspect }.grep_v(KNOWN_THREADS),
            "databases_open" => open.size, "warmed" => @warmed, "notes" => @notes.first(20).map { |note| note.scrub[0, 300] })
      end

      def variables
        places = Tracer.places.transform_values { |all| all.map { |place| Tracer.name(place) } }
        places = Tracer::START.to_h { |key| [key, ["ruby: read when it starts"]] }.merge(places)
        Secret.kept ? places.merge("SECRET_KEY_BASE" => [Secret.kept, *places["SECRET_KEY_BASE"]].first(3)) : places
      end

      # By its name, or by what is in it. (To open and close a database's file ends the locks of SQLite; here it has none.)
      def database?(fd, link)
        return true if link.start_with?(Scratch.was) || link.match?(/-(wal|shm|journal)( \(deleted\))?\z/)

        File.file?("/proc/self/fd/#{fd}") && File.binread("/proc/self/fd/#{fd}", 15) == "SQLite format 3"
      rescue SystemCallError
        false
      end

      def fit(content)
        large = -> { JSON.generate("v" => VERSION, "ready" => content).bytesize > Control::LIMIT - 100 }
        content["env"] = content["env"].transform_values { [] } if large.call
        content.merge!("env" => {}, "truncated" => true) if large.call
        content
      end

      # Until tenantd closes its end: the tenants go on.
      def wait
        loop do
          kind, order, files = @control.receive
          kind ? fork_tenant(kind, order, files) : break
        rescue Refusal => refusal
          warn("preload: #{refusal.message}")
        end
      end

      # Twice, so that the tenant becomes a child of tenantd; by Kernel#fork, which Rails 6.1 watches. The process in the middle
      # leaves without running any at_exit.
      def fork_tenant(kind, order, files)
        whole = kind == "fork" && { "argv" => Array, "env" => Hash, "cwd" => String }.all? { |key, type| order[key].is_a?(type) }
        whole && files.size == (order["cgroup"] ? 5 : 4) or
          Preload.refuse("message", "no fork with argv, env, cwd and its descriptors: #{kind}, #{files.size} descriptors")
        middle = fork do
          fork { Child.new(order, files, @socket, @order["hook"], @added).run }
          exit!(0)
        rescue SystemCallError => error
          Control.refuse(files.first, error)
          exit!(1)
        end
        waiter = Process.detach(middle)
        waiter.join(PATIENCE) || Process.kill(:KILL, middle)
        waiter.join
      rescue SystemCallError, Refusal => error
        Control.refuse(files.first, error)
        warn("preload: no fork: #{error.message}")
      ensure
        files.each(&:close)
      end
    end

    # Becomes a tenant.
    class Child
      def initialize(order, files, control, hook, added)
        @order, @control, @hook, @added = order, control, hook, added
        @socket, @stdout, @stderr, @listener, @cgroup = files
        @reply = Control.new(@socket)
      end

      def run
        step("message") { descriptors }
        step("message") { admitted? } or exit!(1)
        step("limits") { settle }
        step("env") { identity }
        step("user") { user(@order["user"]) }
        step("database") { Databases.bind }
        step("env") { Secret.bind }
        step("env") { Rebind.all }
        step("hook") { load(@hook) if @hook && File.file?(@hook) }
        puma = step("puma") { start_puma }
        files = step("database") { Databases.check } # the hooks have had their say
        step("message") { @reply.send("bound", "databases" => files) }
        @socket.close
        puma.run
      end

      private

      # A signal that ends the process goes through (SignalException).
      def step(what)
        yield
      rescue StandardError, ScriptError, SystemExit, SystemStackError, NoMemoryError => error
        place = error.backtrace&.find { |line| line.start_with?(ROOT) }
        text = "#{error.class}: #{error.message}#{" (#{Tracer.name(place)})" if place}"
        Control.refuse(@socket, error.is_a?(Refusal) ? error : Refusal.new(what, text))
        exit!(1)
      end

      # The listener takes the place of the control socket; all else is close-on-exec.
      def descriptors
        Process.setsid
        Signal.list.each_key { |name| trap(name, "DEFAULT") rescue nil unless %w[EXIT KILL STOP].include?(name) }
        [[STDOUT, @stdout], [STDERR, @stderr]].each do |stream, target|
          sync = stream.sync
          stream.reopen(target)
          stream.sync = sync
        end
        @control.reopen(@listener)
        @control.close_on_exec = @control.autoclose = false
        [@stdout, @stderr, @listener].each(&:close)
      end

      # Whether tenantd has put this process in its place (cgroup, limits); it may as well have given up.
      def admitted?
        @reply.send("hello", {})
        @reply.receive&.first == "go"
      rescue SystemCallError
        false
      end

      # While we are still who the template is: the cgroup first, so that all that follows is charged to the tenant.
      def settle
        @cgroup&.write("0")
        @cgroup&.close
        File.write("/proc/self/oom_score_adj", @order["oom_score_adj"].to_s) if @order["oom_score_adj"]
        Process.setpriority(Process::PRIO_PROCESS, 0, @order["nice"]) if @order["nice"]
        (@order["limits"] || []).each do |resource, soft, hard|
          Process.setrlimit(resource, soft || Process::RLIM_INFINITY, hard || Process::RLIM_INFINITY)
        end
      end

      def identity
        File.umask(@order["umask"]) if @order["umask"]
        Dir.chdir(@order["cwd"])
        File.identical?(ROOT, ".") or Preload.refuse("env", "the template booted #{ROOT}, not #{Dir.pwd}")
        ENV.replace(@added.merge(@order["env"], "LISTEN_FDS" => "1", "LISTEN_PID" => Process.pid.to_s))
        $0, *arguments = @order["argv"] # what Puma's restart executes
        ARGV.replace(arguments)
      end

      def user(wanted)
        uid, gid, groups = wanted.to_h.values_at("uid", "gid", "groups")
        if wanted && [Process.uid, Process.gid, Process.groups.sort] != [uid, gid, groups.sort]
          Process.groups = groups
          Process::GID.change_privilege(gid)
          Process::UID.change_privilege(uid)
        end
        left = File.read("/proc/self/status").scan(/^Cap(?:Prm|Eff|Amb):\s*(\h+)/).flatten
        Process.uid.zero? || left.all? { |bits| bits.hex.zero? } or Preload.refuse("user", "capabilities are left: #{left.join(" ")}")
      end

      # Puma runs no worker's hooks in single mode; here they are wanted, as after any fork.
      def start_puma
        puma = Puma::CLI.new(ARGV.dup)
        wanted = ENV["RAILS_ENV"] || ENV["RACK_ENV"] # by now with the `environment` of config/puma.rb
        wanted == Rails.env or Preload.refuse("env", "this is #{wanted}, the template #{Rails.env}: set RAILS_ENV for both")
        options = puma.launcher.config.options
        hooks = options[:workers].to_i.positive? ? [] : options.all_of(:before_worker_boot)
        hooks.each { |hook| (hook.is_a?(Hash) ? hook[:block] : hook).call(0) } # a Hash from Puma 6 on (untested)
        puma
      end
    end

    # Every pool on the database that database.yml and DATABASE_URL name now; or no tenant.
    module Databases
      class << self
        def bind
          return unless defined?(ActiveRecord::Base)

          base = ActiveRecord::Base
          base.configurations = base.configurations.class.new(Rails.application.config.database_configuration)
          here = base.configurations.configurations.select { |config| config.env_name == Rails.env }
          @configs = here.to_h { |config| [config.name, config] }
          @hashes = @configs.transform_values { |config| config.configuration_hash.dup } # where no hook can reach them
          pools = Pools.all
          pools.each { |*, old| exists(old.db_config.name) }
          pools.each { |*where, old| Pools.replace(*where, old, @configs[old.db_config.name]) }
        end

        # What the pools say of themselves, what SQLite has open, what the models would use. Returns the files.
        def check
          return [] unless defined?(ActiveRecord::Base)

          pools = Pools.all.map { |*, config| config.pool }.uniq
          # Pools that are the same by every word, roles of one database, open the same file: that costs a look at all its tables.
          pools.each { |pool| same(pool.db_config) }
          files = pools.uniq { |pool| pool.db_config.configuration_hash }.map { |pool| open(pool) }.uniq
          stray = [ActiveRecord::Base, *ActiveRecord::Base.descendants].filter_map { |model| pool_of(model) } - pools
          stray.empty? or Preload.refuse("database", "a class has a pool of its own, on #{stray.first.db_config.database}")
          left = Preload.descriptors.values.select { |link| link.start_with?(Scratch.was) }
          left.empty? ? files : Preload.refuse("database", "still open: #{left.join(", ")}")
        end

        private

        # A class may be connected in another role only.
        def pool_of(model)
          model.connection_pool
        rescue ActiveRecord::ConnectionNotEstablished
          nil
        end

        # Never makes an empty file: a tenant without a database is started the ordinary way, which makes it.
        def exists(name)
          hash = @hashes[name] or Preload.refuse("database", "database.yml has no #{name} for this tenant")
          hash[:adapter] == "sqlite3" or Preload.refuse("database", "database #{name} has #{hash[:adapter].inspect}")
          File.size?(file(name)) or Preload.refuse("schema", "#{file(name)} does not exist yet")
        end

        def same(config)
          wanted = @hashes[config.name]
          config.configuration_hash == wanted or
            Preload.refuse("database", "a pool is on #{config.database.inspect}, not on #{wanted && wanted[:database].inspect}")
        end

        def open(pool)
          name = pool.db_config.name
          pool.with_connection do |connection|
            open = connection.select_rows("PRAGMA database_list").to_h { |_, key, file| [key, file.to_s] }
            wanted, real = File.realpath(file(name)), open["main"]
            File.exist?(real) && File.realpath(real) == wanted or Preload.refuse("database", "SQLite has #{real} open, not #{wanted}")
            open.values.none? { |file| file.start_with?(Scratch.was) } or Preload.refuse("database", "#{open.values} is the template's")
            version, template = Pools.version(connection), Scratch.schema.fetch(name, nil) # no schema of its own: a replica
            template.nil? || version == template or
              Preload.refuse("schema", "#{wanted} has version #{version.inspect}, the template #{template.inspect}: migrate it")
            wanted
          end
        end

        # As Rails' adapter finds it.
        def file(name)
          File.expand_path(@hashes[name][:database].to_s, Rails.root)
        end
      end
    end

    # What else Rails has made of the environment while booting, and what one tenant must not inherit.
    module Rebind
      module_function

      def all
        config = Rails.application.config
        prefix(config, ENV["RAILS_RELATIVE_URL_ROOT"])
        cable(Rails.application.paths["config/cable"]&.first || "config/cable.yml") if defined?(ActionCable)
        storage(config.active_storage) if defined?(ActiveStorage) && config.active_storage.service
        caches = [Rails.cache, (ActionController::Base.cache_store if defined?(ActionController))]
        caches.grep(ActiveSupport::Cache::MemoryStore).each(&:clear)
      end

      # config.ru, which the child evaluates, may map the prefix to SCRIPT_NAME: routes are never loaded again.
      def prefix(config, root)
        config.relative_url_root = root
        Rails.application.routes.instance_variable_get(:@config)&.relative_url_root = root
        owners = [(ActionController::Base if defined?(ActionController)), (ActionMailer::Base if defined?(ActionMailer))]
        owners.each { |owner| owner.relative_url_root = root if owner.respond_to?(:relative_url_root=) }
      end

      def cable(file)
        path = Pathname.new(File.expand_path(file, Rails.root))
        ActionCable.server.config.cable = Rails.application.config_for(path).to_h.with_indifferent_access if path.exist?
      end

      def storage(config)
        files = ["config/storage/#{Rails.env}.yml", "config/storage.yml"].map { |name| Rails.root.join(name) }
        file = files.find(&:exist?) or return
        config.service_configurations = ActiveSupport::ConfigurationFile.parse(file)
        ActiveStorage::Blob.services = ActiveStorage::Service::Registry.new(config.service_configurations)
        ActiveStorage::Blob.service = ActiveStorage::Blob.services.fetch(config.service)
      end
    end
  end
end

begin
  Tenantd::Preload::Template.new(UNIXSocket.for_fd(3)).run
rescue StandardError, ScriptError => error
  # What a developer wants at 3 a.m.: what, and where in the application.
  lines = error.backtrace.to_a
  inside = lines.select { |line| line.start_with?(Tenantd::Preload::ROOT) }
  warn("preload: #{error.class}: #{error.message}", *(inside.empty? ? lines : inside).first(8).map { |line| "  #{line}" })
  exit(1)
end
