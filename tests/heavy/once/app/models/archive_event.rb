# The one row of the second database that tells whose it is.
class ArchiveEvent < ArchiveRecord
  self.table_name = "events"
end
