# Says what arrived (SHOWCASE_TEST=1 only). Plain Rack: a controller would take the body for a form, and in memory.
module EchoProbe
  def self.call(env)
    digest = Digest::SHA256.new
    length = 0
    body = env["rack.input"].tap(&:rewind)
    while (chunk = body.read(64 * 1024))
      digest << chunk
      length += chunk.bytesize
    end
    [200, { "Content-Type" => "application/json" }, [{ length: length, sha256: digest.hexdigest }.to_json]]
  end
end
