# The Ruby half of `preload = "rails"`: a template process that boots a Rails application once, and is forked for each tenant.
#
# tenantd starts it in the application's directory as `bundle exec ruby rails.rb`, with a control socket (SEQPACKET, one JSON
# object a message) as descriptor 3. It boots and warms the application on scratch databases, says "ready", and waits. For
# each "fork" message it forks; the child takes over the tenant's environment, binds everything to the tenant's own database,
# checks that it did, and becomes an ordinary Puma. Whatever goes wrong in a child is told in one line and ends that
# child: tenantd then starts the tenant in the ordinary way. A child never serves from a database that is not its tenant's.
#
# Runs with Ruby 3.1 to 3.4 and Rails 6.1 to 8; tested with Rails 6.1 and Puma 5.6 only. Where Rails changed, a
# respond_to? decides, and the comment names the version.
require "socket" # of Ruby itself; nothing that could be a gem is loaded before the application's Gemfile has its say

module Tenantd
  # For the application's hook (config/tenant_fork.rb), which runs in each child after its databases are bound.
  module Preload
    VERSION = 1
    ROOT = Dir.pwd

    # What stops a boot or a child: `what` is a word for programs, the message a line for people.
    class Refusal < StandardError
      attr_reader :what

      def initialize(what, text)
        super(text)
        @what = what
      end
    end

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
  end

  module Preload
    # The messages: one datagram, one JSON object, descriptors beside it.
    class Control
      LIMIT = 65_536

      def initialize(socket)
        @socket = socket
      end

      # The next message as [kind, content, descriptors]; nil when the other side is gone. A bad one raises Refusal, after the
      # first descriptor was told (where a reply goes) and all were closed.
      def receive
        bytes, _, flags, *controls = @socket.recvmsg(LIMIT + 1, 0, 4096, scm_rights: true)
        files = controls.flat_map { |control| control.unix_rights || [] }
        return if (bytes.nil? || bytes.empty?) && files.empty?

        lost = flags & (Socket::MSG_TRUNC | Socket::MSG_CTRUNC) != 0
        [*parse(lost ? nil : bytes), files]
      rescue Refusal => refusal
        Control.new(files.first).refuse(refusal) if files.first.is_a?(BasicSocket)
        files.each(&:close)
        raise
      end

      def send(kind, content)
        @socket.sendmsg(JSON.generate("v" => VERSION, kind => content))
      end

      # Nobody may be listening any more, and the text may hold anything.
      def refuse(error)
        what = error.respond_to?(:what) ? error.what : "fork"
        text = error.message.to_s.dup.force_encoding("UTF-8").scrub.lines.first(3).map(&:strip).join(" ")[0, 1000]
        send("error", "what" => what, "text" => text)
      rescue SystemCallError, IOError
        nil
      end

      def close
        @socket.close
      end

      private

      def parse(bytes)
        raise Refusal.new("message", "a message of more than #{LIMIT} bytes") if bytes.nil? || bytes.bytesize > LIMIT

        message = JSON.parse(bytes.force_encoding("UTF-8"))
        raise Refusal.new("message", "not an object") unless message.is_a?(Hash)

        version = message.delete("v")
        raise Refusal.new("message", "version #{version.inspect} is not #{VERSION}") unless version == VERSION

        kind, content = message.first
        raise Refusal.new("message", "no content") unless message.size == 1 && content.is_a?(Hash)

        [kind, content]
      rescue JSON::ParserError, EncodingError => error
        raise Refusal.new("message", "not JSON: #{error.message}")
      end
    end

    # Who reads which variable while the application boots: what is read then is the same in all tenants for ever, so that a tenant
    # in which it differs must not be forked, unless its hook takes care. Reads by C libraries (getenv) are not seen.
    module Tracer
      ONE = %i[[] fetch key? has_key? include? member? assoc delete].freeze
      SOME = %i[values_at slice].freeze
      ALL = %i[each each_pair each_key each_value select filter reject keys values to_a to_h to_hash inspect key rassoc
               value? has_value? except].freeze
      PLACES = 3
      # Evaluated again by each child.
      AGAIN = %w[config/database.yml config/puma.rb config.ru config/cable.yml config/storage.yml].map { |f| File.join(ROOT, f) }
      # Bound again by each child, as far as Rails itself reads them; an application's own read of them counts.
      REBOUND = /\A(.+_)?DATABASE_URL\z|\ASECRET_KEY_BASE\z|\ARAILS_RELATIVE_URL_ROOT\z/
      RAILS = %r{/gems/(rails|railties|active|action)[a-z_]*-\d}
      GIVEN = /\A(NOTIFY_SOCKET|LISTEN_(FDS|PID|FDNAMES)|WATCHDOG_(PID|USEC))\z/ # by tenantd, read by Puma in the child
      # Read before this script runs, by Ruby, Bundler and the C library.
      START = %w[BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_WITHOUT BUNDLE_WITH BUNDLE_APP_CONFIG GEM_HOME GEM_PATH RUBYOPT RUBYLIB LANG LC_ALL
                 LC_CTYPE LD_PRELOAD MALLOC_ARENA_MAX MALLOC_CONF RUBY_YJIT_ENABLE].freeze
      READS = Module.new

      class << self
        attr_reader :places, :wholes
        attr_accessor :during

        def start
          @places, @wholes = {}, []
          ONE.each { |name| READS.define_method(name) { |*words, &block| Tracer.saw(words.first); super(*words, &block) } }
          SOME.each { |name| READS.define_method(name) { |*words, &block| words.each { |word| Tracer.saw(word) }; super(*words, &block) } }
          ALL.each { |name| READS.define_method(name) { |*words, &block| Tracer.saw_all; super(*words, &block) } }
          ENV.singleton_class.prepend(READS)
        end

        # A module cannot be taken away, but an empty one costs nothing.
        def stop
          READS.instance_methods.each { |name| READS.remove_method(name) }
        end

        def saw(key)
          return unless key.is_a?(String) && !GIVEN.match?(key)

          seen = @places[key]
          return if seen && seen.size >= PLACES
          return unless (place = caller_outside)
          return if REBOUND.match?(key) && RAILS.match?(place)

          place += @during if @during
          seen ? (seen | [place]).then { |all| @places[key] = all } : @places[key] = [place]
        end

        def saw_all
          place = caller_outside if @wholes.size < PLACES
          @wholes |= [place] if place && !place.match?(%r{/bundler[-/]})
        end

        # For people: relative to the application, or to its gem.
        def name(place)
          inside = place.delete_prefix("#{ROOT}/")
          return "gem #{$1}: #{$2}" if inside =~ %r{/gems/([^/]+-\d[^/]*)/(.+)}

          %w[rubylibdir vendordir sitelibdir].reduce(inside) { |path, name| path.sub(/\A#{Regexp.escape(RbConfig::CONFIG[name])}./, "ruby: ") }
        end

        private

        # The reader; nil if it is a file that each child evaluates again.
        def caller_outside
          frames = caller_locations(2, 14).reject { |frame| frame.path == __FILE__ || frame.path.start_with?("<internal:") }
          return if frames.empty? || frames.any? { |frame| AGAIN.include?(frame.path) }

          "#{frames.first.path}:#{frames.first.lineno}"
        end
      end

      # config.relative_url_root is RAILS_RELATIVE_URL_ROOT by another name; what an application makes of it, it keeps.
      module Prefix
        def relative_url_root
          Tracer.saw("RAILS_RELATIVE_URL_ROOT")
          super
        end
      end
    end

    # Every connection pool of every handler, and what differs between the versions of Rails.
    module Pools
      module_function

      # Yields handler, owner, role, shard and pool configuration.
      def each
        return to_enum(:each) unless block_given?

        handlers.each do |name, handler|
          managers = handler.instance_variable_get(:@owner_to_pool_manager) || # 6.1, 7.0
                     handler.instance_variable_get(:@connection_name_to_pool_manager) # 7.1 and later (untested)
          managers.values.each do |manager|
            roles = manager.respond_to?(:role_names) ? manager.role_names : [name]
            roles.product(manager.shard_names.uniq).each do |role, shard|
              config = manager.get_pool_config(role, shard)
              yield handler, owner(config), role, shard, config if config
            end
          end
        end
      end

      # Rails 6.1 has a handler for each role, unless legacy_connection_handling is off; 7.1 and later have only one.
      def handlers
        base = ActiveRecord::Base
        legacy = base.respond_to?(:legacy_connection_handling) && base.legacy_connection_handling
        legacy ? base.connection_handlers.to_a : [[nil, base.default_connection_handler]]
      end

      # 6.1: connection_klass, 7.0 to 7.2: connection_class, 8: connection_descriptor (untested).
      def owner(config)
        config.public_send(%i[connection_descriptor connection_class connection_klass].find { |name| config.respond_to?(name) })
      end

      # In place of `config`, with its column cache: the tables are the same ones.
      def replace(handler, owner, role, shard, config, db_config)
        clobber = handler.method(:establish_connection).parameters.include?([:key, :clobber]) ? { clobber: true } : {}
        pool = handler.establish_connection(db_config, owner_name: owner, role: role, shard: shard, **clobber)
        kept = %i[schema_reflection schema_cache].find { |name| config.respond_to?("#{name}=") } # 7.1 and later; 6.1, 7.0
        pool.pool_config.public_send("#{kept}=", config.public_send(kept)) if kept && pool.respond_to?(:pool_config)
      end

      def close
        each { |*, config| config.pool.disconnect! }
      end

      # The last migration that the database has seen, "" without any.
      def version(connection)
        table = ActiveRecord::Base.schema_migrations_table_name
        return "" unless connection.select_value("SELECT 1 FROM sqlite_master WHERE name = #{connection.quote(table)}")

        connection.select_value("SELECT max(CAST(version AS INTEGER)) FROM #{connection.quote_table_name(table)}").to_s
      end

      # As the adapter of SQLite does.
      def file(db_config)
        File.expand_path(db_config.configuration_hash[:database].to_s, Rails.root)
      end
    end

    # Empty databases for the boot and the warm-up, in a private directory: the template knows no tenant's.
    module Scratch
      # Prepended to ActiveRecord::Base.configurations=, through which every version of Rails hands over database.yml.
      module Configurations
        def configurations=(given)
          super
          super(Scratch.replace(configurations.configurations)) if Scratch.directory
        end
      end

      class << self
        attr_reader :directory, :was, :schema

        def make
          @directory = @was = File.realpath(Dir.mktmpdir("tenantd-preload-"))
          @pid = Process.pid
          # An application without database.yml lives from DATABASE_URL alone, and does not boot without it.
          ENV["DATABASE_URL"] ||= "sqlite3:#{@directory}/primary.sqlite3" unless File.exist?("config/database.yml")
          ActiveSupport.on_load(:active_record) { singleton_class.prepend(Configurations) }
        end

        # Only the process that made it: a child that ends must not take anything away.
        def remove
          FileUtils.rm_rf(@directory) if @directory && @pid == Process.pid
          @directory = nil
        end

        # The configurations of this environment, each with a file of its own; a replica has its primary's.
        def replace(configs)
          here = configs.select { |config| config.env_name == Rails.env }
          writers = here.reject(&:replica?)
          here.map do |config|
            adapter, database = config.configuration_hash.values_at(:adapter, :database)
            raise Refusal.new("database", "preload works with SQLite only, and database #{config.name} has #{adapter.inspect}") unless adapter == "sqlite3"
            raise Refusal.new("database", "database #{config.name} is in memory: a tenant has none to bind to") if database == ":memory:"

            source = config.replica? && writers.find { |writer| writer.configuration_hash[:database] == database } || config
            hash = config.configuration_hash.except(:url).merge(database: File.join(@directory, "#{source.name}.sqlite3"))
            ActiveRecord::DatabaseConfigurations::HashConfig.new(config.env_name, config.name, hash)
          end
        end

        # The tables of every database that the application has not made while booting.
        def fill
          base = ActiveRecord::Base
          configs = base.configurations.configurations.reject(&:replica?)
          base.logger&.silence { configs.each { |config| load_schema(config) } } || configs.each { |config| load_schema(config) }
          @schema = configs.to_h { |config| [config.name, with(config) { |connection| Pools.version(connection) }] }
        ensure
          base&.establish_connection
        end

        private

        # schema.rb speaks to ActiveRecord::Base, so that this has to be where the database is.
        def with(config)
          yield ActiveRecord::Base.establish_connection(config).then { |pool| pool.respond_to?(:lease_connection) ? pool.lease_connection : pool.connection }
        end

        def load_schema(config)
          ActiveRecord::Migration.verbose = false
          with(config) do |connection|
            next unless (connection.tables - [ActiveRecord::Base.schema_migrations_table_name, "ar_internal_metadata"]).empty?

            prefix = config.name == "primary" ? "" : "#{config.name}_"
            ruby, sql = "db/#{prefix}schema.rb", "db/#{prefix}structure.sql"
            next load(File.join(ROOT, ruby)) if File.exist?(ruby)
            next connection.raw_connection.execute_batch(File.read(sql)) if File.exist?(sql)

            migrate(connection, Array(config.migrations_paths))
          end
        end

        # The context belongs to the connection up to 7.1, to the pool from 7.2 on (untested).
        def migrate(connection, paths)
          paths = paths.empty? ? ActiveRecord::Migrator.migrations_paths : paths
          return if Dir.glob(paths.map { |path| "#{path}/*.rb" }).empty?

          owner = connection.respond_to?(:migration_context) ? connection : connection.pool
          owner.migration_context.then { |context| ActiveRecord::MigrationContext.new(paths, context.schema_migration).migrate }
        end
      end
    end

    # Without a SECRET_KEY_BASE of all tenants the template boots with a random one. Nothing that was made of it may be left
    # when the first tenant is forked: else one tenant would sign with another's key. (SECRET_KEY_BASE_DUMMY of Rails 7.1
    # is no help: with it Rails writes tmp/local_secret.txt and asks SECRET_KEY_BASE no more.)
    module Secret
      # Notes a fingerprint of each key, to find it again.
      module Derived
        def generate_key(*)
          super.tap { |key| Secret.note(key) }
        end
      end

      class << self
        attr_reader :kept

        def lend
          @shared = ENV["SECRET_KEY_BASE"]
          return @kept = "the template's own, of the shared environment" if @shared

          @prints = {}
          note(ENV["SECRET_KEY_BASE"] = SecureRandom.hex(64))
          ::ActiveSupport::KeyGenerator.prepend(Derived)
        end

        def note(key)
          @prints[Digest::SHA256.digest(key)] = key.bytesize
        end

        # What Rails itself made goes; what is left then is the application's, and stays the reason to exec.
        def forget
          return if @shared

          Derived.remove_method(:generate_key)
          ENV.delete("SECRET_KEY_BASE")
          app = Rails.application
          %i[@caching_key_generator @key_generators @app_env_config @secrets].each { |name| clear(app, name) }
          clear(app.config, :@secret_key_base) if ours?(app.config.instance_variable_get(:@secret_key_base)) # 7.1 and later
          verifiers = app.instance_variable_get(:@message_verifiers)
          (verifiers.is_a?(Hash) ? verifiers : verifiers&.instance_variable_get(:@codecs))&.clear # a Hash up to 7.0
          @made = makers.select { |owner, name, _| owner.respond_to?(name) && ours?(owner.public_send(name)) }
          @made.each { |owner, name, _| owner.public_send("#{name}=", nil) }
          clear(::Turbo, :@signed_stream_verifier) if defined?(::Turbo)
          [ActiveRecord::Base, *ActiveRecord::Base.descendants].each { |model| clear(model, :@signed_id_verifier) } if defined?(ActiveRecord::Base)
        end

        # Every live string that is the secret or a key made of it: held by the application or a gem.
        def search
          return if @shared

          sizes = @prints.values.uniq
          left = ObjectSpace.each_object(String).count { |text| sizes.include?(text.bytesize) && @prints.key?(Digest::SHA256.digest(text)) }
          return if left.zero?

          kinds = %w[MessageVerifier MessageEncryptor KeyGenerator CachingKeyGenerator].map { |name| ::ActiveSupport.const_get(name) }
          found = kinds.to_h { |kind| [kind.name, ObjectSpace.each_object(kind).count] }.reject { |_, count| count.zero? }
          @kept = "kept by the application since it booted: #{left} keys made of it#{" (live: #{found.map { |pair| pair.join(" ") }.join(", ")})" if found.any?}"
        end

        # In the child.
        def bind
          if @kept && ENV["SECRET_KEY_BASE"] != @shared
            raise Refusal.new("env", "SECRET_KEY_BASE differs, and it is #{@kept}")
          end
          @made&.each { |owner, name, make| owner.public_send("#{name}=", make.call) }
          Rails.application.secret_key_base # raises without one
        end

        private

        def clear(owner, name)
          owner.remove_instance_variable(name) if owner.instance_variable_defined?(name)
        end

        def ours?(value)
          value = value.instance_variable_get(:@secret) unless value.is_a?(String)
          value.is_a?(String) && @prints.key?(Digest::SHA256.digest(value))
        end

        # Where the railties put what they made, and how they made it.
        def makers
          app = Rails.application
          key = ->(name) { app.key_generator.generate_key(name) }
          all = []
          all << [ActiveStorage, :verifier, -> { app.message_verifier("ActiveStorage") }] if defined?(ActiveStorage)
          if defined?(SignedGlobalID)
            all << [app.config.global_id, :verifier, -> { GlobalID::Verifier.new(key.call("signed_global_ids")) }]
            all << [SignedGlobalID, :verifier, -> { app.config.global_id.verifier }]
          end
          # Untested from here: Turbo, and generates_token_for of Rails 7.1 and later.
          all << [::Turbo, :signed_stream_verifier_key, -> { key.call("turbo/signed_stream_verifier_key") }] if defined?(::Turbo)
          all << [ActiveRecord::Base, :generated_token_verifier, -> { app.message_verifier("active_record/token_for") }] if defined?(ActiveRecord::Base)
          all
        end
      end
    end

    # Boots, warms, closes, collects, and waits for orders.
    class Template
      PATIENCE = 5 # seconds for the process in the middle, which has nothing to do but to fork
      KNOWN_THREADS = %r{active_record|action_cable|/concurrent|concurrent-ruby|/timeout}
      BUNDLER = /\A(BUNDLE_|BUNDLER_|RUBYOPT\z|RUBYLIB\z)/ # what `bundle exec` added, for the programs a tenant starts

      def initialize(socket)
        @socket = socket
        @control = Control.new(socket)
        @notes = []
      end

      def run
        started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
        given = ENV.to_h
        Tracer.start
        load_gems
        @order = @control.receive&.at(1) or return
        boot
        @warmed = warm(Array(@order["warm"]))
        @added = ENV.to_h.reject { |key, _| given.key?(key) && !BUNDLER.match?(key) || Tracer::REBOUND.match?(key) }
        settle
        @control.send("ready", ready(started))
        Process.setproctitle("tenantd preload: #{ROOT}")
        wait
      ensure
        Scratch.remove
      end

      private

      # Bundler first, as config/boot.rb wants it; Puma before the application, as `puma` would.
      def load_gems
        boot = File.join(ROOT, "config/boot.rb")
        require boot if File.exist?(boot)
        %w[digest fileutils json rbconfig securerandom tmpdir puma/cli puma/single rack/mock].each { |name| require name }
        %w[sd_notify puma/systemd puma/rack/builder rack/builder].each do |name|
          require name
        rescue LoadError
          nil # not in the Gemfile, or not in this version
        end
      end

      def boot
        hook = @order["hook"]
        raise Refusal.new("hook", "the hook #{hook} is missing") if @order["hook_required"] && !(hook && File.file?(hook))

        require "rails"
        require "active_support/key_generator"
        Rails::Application::Configuration.prepend(Tracer::Prefix)
        Secret.lend
        require File.join(ROOT, "config/application")
        Scratch.make
        reads_of_database { require File.join(ROOT, "config/environment") }
        Rails.application.eager_load!
        @notes << "config.cache_classes is off: the application would load its files again" unless Rails.application.config.cache_classes
        Scratch.fill if defined?(ActiveRecord::Base)
      end

      # What an application makes of a database while booting is made of the scratch one, for all tenants.
      def reads_of_database(&block)
        places = []
        seen = lambda do |*, payload|
          next if payload[:name] == "SCHEMA" || !payload[:sql].start_with?("SELECT") || places.size >= 3

          frames = caller_locations(1, 80).select { |frame| frame.path.start_with?(ROOT) && !frame.path.include?("/gems/") }
          next if frames.empty? || frames.any? { |frame| frame.path.start_with?("#{ROOT}/db/") } # it makes its tables

          places |= ["#{frames.first.path}:#{frames.first.lineno}"]
        end
        ::ActiveSupport::Notifications.subscribed(seen, "sql.active_record", &block)
        places.each { |place| @notes << "the database is read while booting, at #{Tracer.name(place)}, when it is of no tenant" }
      end

      # A request loads what eager loading does not: views, routes, translations. Their answers must not stay in a cache.
      def warm(paths)
        Tracer.during = " (during a request)"
        owners = [Rails, *(defined?(ActionController) ? [ActionController::Base, ActionController::API] : [])]
        owners = owners.select { |owner| owner.respond_to?(owner == Rails ? :cache= : :cache_store=) }
        caches = owners.map { |owner| [owner, owner == Rails ? :cache : :cache_store] }
        kept = caches.map { |owner, name| owner.public_send(name) }
        caches.each { |owner, name| owner.public_send("#{name}=", ::ActiveSupport::Cache::NullStore.new) }
        # In a thread of its own: nothing that the conservative collector could find is left on a stack.
        Thread.new { paths.map { |path| [path, request(path)] } }.value
      ensure
        caches&.zip(kept) { |(owner, name), cache| owner.public_send("#{name}=", cache) } if kept
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
        @notes << "warming #{path}: #{error.class}: #{error.message.lines.first&.strip}"
        500
      end

      def settle
        Tracer.stop
        ActionCable.server.restart if defined?(ActionCable) && ActionCable.server.instance_variable_get(:@pubsub)
        Pools.close if defined?(ActiveRecord::Base)
        Secret.forget
        Scratch.remove
        3.times { GC.start }
        Secret.search
        GC.compact if GC.respond_to?(:compact)
        Process.warmup if Process.respond_to?(:warmup) # 3.3 and later (untested)
        trim
      rescue NotImplementedError
        trim # no compaction on this platform
      end

      # Gives what the collection freed back to the kernel. Fiddle is no longer part of Ruby 3.5, and never needed.
      def trim
        require "fiddle"
        Fiddle::Function.new(Fiddle.dlopen(nil)["malloc_trim"], [Fiddle::TYPE_SIZE_T], Fiddle::TYPE_INT).call(0)
      rescue LoadError, StandardError
        nil # another C library
      end

      def ready(started)
        links = Dir.children("/proc/self/fd").to_h { |fd| [fd.to_i, (File.readlink("/proc/self/fd/#{fd}") rescue "")] }
        sockets = links.count { |fd, link| fd > 3 && link.start_with?("socket:") }
        @notes << "#{sockets} sockets are open: each tenant would share them" if sockets.positive?
        Tracer.wholes.each { |place| @notes << "all variables are read at once at #{Tracer.name(place)}" }
        env = Tracer.places.transform_values { |places| places.map { |place| Tracer.name(place) } }
        Tracer::START.each { |key| env[key] ||= ["ruby: read when it starts"] }
        env["SECRET_KEY_BASE"] = [Secret.kept, *env["SECRET_KEY_BASE"]].first(3) if Secret.kept
        open = links.select { |fd, link| database?(fd, link) }
        open.each_value { |link| @notes << "#{link} is still open: each tenant would share it" }
        fit("engine" => "rails #{Rails.version}, ruby #{RUBY_VERSION}", "schema" => Scratch.schema || {}, "env" => env, "warmed" => @warmed,
            "threads" => threads, "databases_open" => open.size,
            "notes" => @notes.first(20).map { |note| note[0, 300] },
            "seconds" => (Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).round(2))
      end

      # Opening a database's file once more and closing it would end SQLite's locks, if there were any: there must be none here.
      def database?(fd, link)
        return true if link.start_with?(Scratch.was.to_s) && Scratch.was || link.match?(/-(wal|shm|journal)( \(deleted\))?\z/)

        path = "/proc/self/fd/#{fd}"
        File.file?(path) && File.binread(path, 15) == "SQLite format 3"
      rescue SystemCallError
        false
      end

      def threads
        others = Thread.list - [Thread.main]
        others.map { |thread| thread.name || thread.inspect }.grep_v(KNOWN_THREADS)
      end

      def fit(content)
        size = ->(value) { JSON.generate("v" => VERSION, "ready" => value).bytesize }
        content["env"] = content["env"].transform_values { [] } if size.call(content) > Control::LIMIT
        content["env"] = { "truncated" => true } if size.call(content) > Control::LIMIT
        content
      end

      # Until tenantd closes its end: the tenants go on.
      def wait
        loop do
          kind, order, files = @control.receive
          break unless kind

          fork_tenant(kind, order, files)
        rescue Refusal => refusal
          warn("preload: #{refusal.message}")
        rescue Errno::ECONNRESET
          break
        end
      end

      # Twice, so that the tenant becomes the child of tenantd. Kernel#fork, which Rails 6.1 watches; the process in the middle
      # leaves without running any at_exit.
      def fork_tenant(kind, order, files)
        complete(kind, order, files)
        middle = fork do
          fork { Child.new(order, files, @socket, @order["hook"], @added).run }
          exit!(0)
        rescue SystemCallError => error
          Control.new(files.first).refuse(error)
          exit!(1)
        end
        wait_for(middle)
      rescue SystemCallError, Refusal => error
        Control.new(files.first).refuse(error) if files.first.is_a?(BasicSocket)
        warn("preload: cannot fork: #{error.message}")
      ensure
        files.each(&:close)
      end

      def complete(kind, order, files)
        whole = kind == "fork" && { "argv" => Array, "env" => Hash, "cwd" => String }.all? { |key, type| order[key].is_a?(type) }
        return if whole && files.size == (order["cgroup"] ? 5 : 4) && files.first.is_a?(BasicSocket)

        raise Refusal.new("message", "not a fork with argv, env, cwd and its descriptors: #{kind}, #{files.size} descriptors")
      end

      def wait_for(pid)
        waiter = Process.detach(pid)
        return if waiter.join(PATIENCE)

        Process.kill(:KILL, pid)
        waiter.join
      end
    end

    # Becomes a tenant.
    class Child
      def initialize(order, files, control, hook, added)
        @order, @control, @hook, @added = order, control, hook, added
        reply, @stdout, @stderr, @listener, @cgroup = files
        @reply = Control.new(reply)
      end

      def run
        step("message") { descriptors }
        exit!(1) unless step("message") { admitted? }
        step("limits") { settle }
        step("env") { identity }
        step("user") { user(@order["user"]) if @order["user"] }
        step("user") { capabilities }
        step("database") { Databases.bind }
        step("env") { Secret.bind }
        step("env") { Rebind.all }
        step("hook") { load(@hook) if @hook && File.file?(@hook) }
        puma = step("puma") { start_puma(@order["argv"].drop(1)) }
        files = step("database") { Databases.check }
        step("message") { @reply.send("bound", "databases" => files) }
        @reply.close
        puma.run
      end

      private

      # Whether tenantd has placed this process (cgroup, limits); it may as well have given up.
      def admitted?
        @reply.send("hello", {})
        @reply.receive&.first == "go"
      rescue SystemCallError
        false
      end

      # The signal that ends a process is nobody's business here (SignalException goes through).
      def step(what)
        yield
      rescue StandardError, ScriptError, SystemExit, SystemStackError, NoMemoryError => error
        place = error.backtrace&.find { |line| line.start_with?(ROOT) }
        text = error.is_a?(Refusal) ? error.message : "#{error.class}: #{error.message}#{" (#{Tracer.name(place)})" if place}"
        @reply.refuse(Refusal.new(error.is_a?(Refusal) ? error.what : what, text))
        exit!(1)
      end

      # The listener takes the place of the control socket; all else that was sent is close-on-exec.
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

      # As long as we are who the template is: its cgroup first, so that all that follows is charged to the tenant.
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
        raise Refusal.new("env", "the template booted #{ROOT}, not #{Dir.pwd}") unless File.identical?(ROOT, ".")

        ENV.replace(@added.merge(@order["env"], "LISTEN_FDS" => "1", "LISTEN_PID" => Process.pid.to_s))
        $0 = @order["argv"].first # what Puma's restart executes, and what it begins its title with
        ARGV.replace(@order["argv"].drop(1))
      end

      def user(wanted)
        uid, gid, groups = wanted.values_at("uid", "gid", "groups")
        return if [Process.uid, Process.gid, Process.groups.sort] == [uid, gid, groups.sort]

        Process.groups = groups
        Process::GID.change_privilege(gid)
        Process::UID.change_privilege(uid)
      end

      def capabilities
        return if Process.uid.zero?

        left = File.read("/proc/self/status").scan(/^Cap(?:Prm|Eff|Amb):\s*(\h+)/).flatten
        raise Refusal.new("user", "capabilities are left: #{left.join(" ")}") unless left.all? { |bits| bits.hex.zero? }
      end

      # Puma in single mode runs no hook of a worker, and its plugins and the application expect them after a fork.
      def start_puma(words)
        puma = Puma::CLI.new(words)
        wanted = ENV["RAILS_ENV"] || ENV["RACK_ENV"] # Puma may have set it, of config/puma.rb
        raise Refusal.new("env", "this is #{wanted}, the template #{Rails.env}: set RAILS_ENV for both") unless wanted == Rails.env

        options = puma.launcher.config.options
        return puma if options[:workers].to_i.positive?

        options.all_of(:before_worker_boot).each { |hook| (hook.is_a?(Hash) ? hook[:block] : hook).call(0) } # a Hash from Puma 6 on
        puma
      end
    end

    # Every pool on the database that database.yml and DATABASE_URL name now; or none, and no tenant.
    module Databases
      class << self
        def bind
          return unless defined?(ActiveRecord::Base)

          base = ActiveRecord::Base
          base.configurations = base.configurations.class.new(Rails.application.config.database_configuration)
          @configs = base.configurations.configurations.select { |config| config.env_name == Rails.env }
          @hashes = @configs.to_h { |config| [config.name, config.configuration_hash.dup] } # what no hook can reach
          Pools.each.map { |*, config| counterpart(config) }.uniq.each { |config| exists(config) }
          Pools.each.to_a.each { |*where, config| Pools.replace(*where, config, counterpart(config)) }
          check
        end

        # What the pools say of themselves, then what SQLite has open, then what the models would use. Returns the files.
        def check
          return [] unless defined?(ActiveRecord::Base)

          pools = Pools.each.map { |*, config| config.pool }.uniq
          files = pools.each { |pool| same(pool) }.map { |pool| open(pool) }.uniq
          stray = [ActiveRecord::Base, *ActiveRecord::Base.descendants].find { |model| !pools.include?(pool_of(model) || pools.first) }
          raise Refusal.new("database", "#{stray} has a pool of its own") if stray

          left = Dir.children("/proc/self/fd").map { |fd| File.readlink("/proc/self/fd/#{fd}") rescue "" }.grep(/\A#{Regexp.escape(Scratch.was)}/)
          left.empty? ? files : raise(Refusal.new("database", "still open: #{left.join(", ")}"))
        end

        private

        # A class may be connected for another role only.
        def pool_of(model)
          model.connection_pool
        rescue ActiveRecord::ConnectionNotEstablished
          nil
        end

        def counterpart(config)
          name = config.db_config.name
          @configs.find { |other| other.name == name } or raise Refusal.new("database", "database.yml names no #{name} for this tenant")
        end

        # Never makes an empty file: who has no database yet is started in the ordinary way, which makes it.
        def exists(config)
          raise Refusal.new("database", "database #{config.name} is of #{config.adapter}") unless config.adapter == "sqlite3"
          return if File.size?(Pools.file(config))

          raise Refusal.new("schema", "#{Pools.file(config)} does not exist yet")
        end

        def same(pool)
          config = pool.db_config
          return if config.configuration_hash == @hashes[config.name]

          raise Refusal.new("database", "a pool is on #{config.database}, not on #{@hashes.dig(config.name, :database).inspect}")
        end

        def open(pool)
          config = pool.db_config
          pool.with_connection do |connection|
            names = connection.select_rows("PRAGMA database_list").to_h { |_, name, file| [name, file] }
            wanted, real = File.realpath(Pools.file(config)), names["main"].to_s
            raise Refusal.new("database", "SQLite has #{real} open, not #{wanted}") unless File.exist?(real) && File.realpath(real) == wanted
            raise Refusal.new("database", "#{wanted} is the template's") if names.values.any? { |file| file.to_s.start_with?(Scratch.was) }

            version, ours = Pools.version(connection), Scratch.schema[config.name]
            next wanted if config.replica? || version == ours

            raise Refusal.new("schema", "#{wanted} has version #{version.inspect}, the template #{ours.inspect}: migrate it")
          end
        end
      end
    end

    # What else Rails read at boot from the environment, and what a tenant must not inherit.
    module Rebind
      module_function

      def all
        prefix(ENV["RAILS_RELATIVE_URL_ROOT"])
        cable
        storage
        stores = [Rails.cache, *(ActionController::Base.cache_store if defined?(ActionController::Base))]
        stores.grep(::ActiveSupport::Cache::MemoryStore).each(&:clear)
      end

      # config.ru is evaluated in the child, and may map the prefix: routes are never loaded again.
      def prefix(root)
        config = Rails.application.config
        config.relative_url_root = root
        Rails.application.routes.instance_variable_get(:@config)&.relative_url_root = root
        [(ActionController::Base if defined?(ActionController)), (ActionMailer::Base if defined?(ActionMailer))].compact.each do |owner|
          owner.relative_url_root = root if owner.respond_to?(:relative_url_root=)
        end
      end

      def cable
        return unless defined?(ActionCable) && File.exist?(file = Rails.application.paths["config/cable"]&.first || "config/cable.yml")

        ActionCable.server.config.cable = Rails.application.config_for(Pathname.new(File.expand_path(file))).to_h.with_indifferent_access
      end

      def storage
        return unless defined?(ActiveStorage) && (choice = Rails.application.config.active_storage.service)

        files = ["config/storage/#{Rails.env}.yml", "config/storage.yml"].map { |name| Rails.root.join(name) }
        file = files.find(&:exist?) or return
        configs = Rails.application.config.active_storage.service_configurations = ::ActiveSupport::ConfigurationFile.parse(file)
        ActiveStorage::Blob.services = ActiveStorage::Service::Registry.new(configs)
        ActiveStorage::Blob.service = ActiveStorage::Blob.services.fetch(choice)
      end
    end
  end
end

begin
  Tenantd::Preload::Template.new(UNIXSocket.for_fd(3)).run
rescue StandardError, ScriptError => error
  # What a developer needs at 3 a.m.: what it was, and where in the application.
  lines = error.backtrace.to_a
  inside = lines.grep(/\A#{Regexp.escape(Tenantd::Preload::ROOT)}/)
  warn("preload: #{error.class}: #{error.message}", *(inside.empty? ? lines : inside).first(8).map { |line| "  #{line}" })
  exit(1)
end
