import Addresses
import Bytes
import EventLoop
import PeerProtocol

// What peers of a swarm without a torrent say.
extension MetadataSwarm {
  /// A peer told what it can do, perhaps not for the first time.
  func introduced(_ peer: MetadataPeer, on loop: isolated Loop) {
    if !peer.isOutgoing, let port = peer.extensions.port {
      let endpoint = Endpoint(peer.remote.address, port: port)
      peer.listening = endpoint
      book.connected(endpoint)
    }
    guard let size = peer.extensions.metadataSize, peer.extensions.id(of: ExtensionKind.metadata.name) != nil
    else { return }
    guard assembly.joined(peer.number, size: size) else {
      peer.close(.outOfRange, on: loop)
      return
    }
    peer.isSource = true
    ask(peer, on: loop)
  }

  /// Asks a peer for as much as it may be asked for.
  func ask(_ peer: MetadataPeer, on loop: isolated Loop) {
    guard peer.isSource, peer.phase == .open, let id = peer.extensions.id(of: ExtensionKind.metadata.name)
    else { return }
    while let piece = assembly.next(for: peer.number, now: loop.now.nanoseconds) {
      peer.send(on: loop) { $0.append(metadataRequest: piece, id: id) }
    }
  }

  func askAll(on loop: isolated Loop) {
    for peer in peers.values { ask(peer, on: loop) }
  }

  func received(_ message: MetadataMessage, _ bytes: RawSpan, from peer: MetadataPeer, on loop: isolated Loop)
  {
    switch message {
    case .request(let piece):
      guard let id = peer.extensions.id(of: ExtensionKind.metadata.name) else { return }
      peer.complain(on: loop)
      peer.send(on: loop) { $0.append(metadataReject: piece, id: id) }
    case .data(let piece, let total, let range):
      senders[peer.number] = peer.listening ?? peer.remote
      let outcome = assembly.received(piece, total: total, bytes.extracting(range), from: peer.number)
      settle(outcome, with: peer, on: loop)
    case .reject(let piece):
      settle(
        assembly.rejected(piece, by: peer.number, now: loop.now.nanoseconds), with: peer, on: loop)
    case .unknown:
      peer.complain(on: loop)
    }
  }

  private func settle(_ outcome: MetadataAssembly.Outcome, with peer: MetadataPeer, on loop: isolated Loop) {
    switch outcome {
    case .taken: ask(peer, on: loop)
    case .whole(let copy): examine(copy, on: loop)
    case .unrequested: peer.complain(on: loop)
    case .contradiction: peer.close(.protocolViolation, on: loop)
    case .useless: peer.close(.noInterest, on: loop)
    }
  }
}
