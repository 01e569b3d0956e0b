# What tests ask: who answers, and with what.
class ProbesController < ApplicationController
  skip_forgery_protection

  def whoami
    render json: { pid: Process.pid, ppid: Process.ppid, uid: Process.uid, gid: Process.gid, cwd: Dir.pwd, databases: databases,
                   event: Event.first!.title, archive_event: ArchiveEvent.first!.title, title: Rails.application.config.x.event,
                   secret: digest(Rails.application.secret_key_base),
                   key: digest(Rails.application.key_generator.generate_key("probe")),
                   verifier: digest(Rails.application.message_verifier(:probe).generate("probe")),
                   storage: ActiveStorage::Blob.service.root.to_s, cable: ActionCable.server.config.then { |cable| [cable.url, cable.cable["channel_prefix"]] },
                   log: Rails.logger.instance_variable_get(:@logdev).filename, root: root_path,
                   cached: Rails.cache.read("visitor"), random: [rand(2**64), Random.rand(2**64), SecureRandom.hex(8)] }
    Rails.cache.write("visitor", Event.first!.title)
  end

  def visit
    VisitJob.perform_later(params.require(:word))
    head :accepted
  end

  def visits
    render json: { visits: Visit.order(:id).as_json(only: [:word, :pid]), archive_note: ArchiveEvent.first!.note }
  end

  private

  # Of every pool, the file that SQLite has really opened.
  def databases
    managers = ActiveRecord::Base.connection_handler.send(:owner_to_pool_manager).each_pair.to_a
    managers.flat_map { |owner, manager| manager.role_names.map { |role| ["#{owner} #{role}", file(manager, role)] } }.to_h
  end

  def file(manager, role)
    all = manager.pool_configs(role).first.pool.with_connection { |connection| connection.execute("PRAGMA database_list") }
    all.find { |one| one["name"] == "main" }["file"]
  end

  def digest(text)
    Digest::SHA256.hexdigest(text)[0, 16]
  end
end
