# Leaves one row in each database, from a thread of the job's pool.
class VisitJob < ActiveJob::Base
  def perform(word)
    Visit.create!(word: word, pid: Process.pid)
    ArchiveEvent.first!.update!(note: word)
  end
end
