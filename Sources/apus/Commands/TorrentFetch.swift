import EventLoop
import Metainfo
import Synchronization
import Transfer

/// Torrent files from the web.
enum TorrentFetch {
  /// Fetches and checks the torrent file at a URL.
  static func load(_ url: String, through interface: String? = nil) async throws(Failure) -> Metainfo {
    switch await get(url, limit: TorrentSource.limit, through: interface) {
    case .failure(let error): throw Failure("cannot fetch '\(url)': \(error)")
    case .success(let reply):
      guard reply.isSuccess else {
        throw Failure(
          "cannot fetch '\(url)': the server answers with status \(reply.status); check the address")
      }
      return try TorrentSource.parse(reply.body, from: url)
    }
  }

  /// Gets at most so many bytes, through an interface if that matters.
  static func get(_ url: String, limit: Int, through interface: String?) async -> Result<HTTPReply, HTTPError>
  {
    let loop = Loop(name: "fetch")
    defer {
      loop.stop()
      loop.join()
    }
    let client = await loop.perform { loop in
      var options = HTTPClientOptions()
      options.binding = interface.map { SocketBinding($0) }
      return Confined(HTTPClient(on: loop, options: options), on: loop)
    }
    let limits = HTTPLimits(maximumBytes: limit, timeout: 60)
    let result = await withCheckedContinuation { continuation in
      loop.post { loop in
        client.value(on: loop).get(url, limits: limits, on: loop) { _, result in
          continuation.resume(returning: result)
        }
      }
    }
    await loop.perform { loop in client.value(on: loop).close(on: loop) }
    return result
  }
}
