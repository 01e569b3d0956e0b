# A job carries the path of its tenant's database: Sidekiq works for all of them.
class ApplicationJob < ActiveJob::Base
  retry_on ActiveRecord::StatementTimeout, ActiveRecord::LockWaitTimeout, wait: 1.second, attempts: 5
  around_perform { |job, block| Tenant.borrow(job.database, &block) }

  attr_writer :database

  def database
    @database ||= Tenant.path
  end

  def serialize
    super.merge("database" => database)
  end

  def deserialize(data)
    super
    self.database = data["database"]
  end
end
