# Tells all who listen what one of them said, and whose database heard it.
class EchoChannel < ApplicationCable::Channel
  def subscribed
    stream_from "echo"
  end

  def say(data)
    ActionCable.server.broadcast("echo", { word: data["word"], event: Event.first!.title, pid: Process.pid })
  end
end
