import Addresses
import EventLoop

/// What a torrent's peers may move, if anything limits them.
final class TorrentRates {
  var limits: RateLimits
  var others = RateShares()
  var local = RateShares()

  init(_ limits: RateLimits) { self.limits = limits }

  /// What a peer with this address is under.
  func shares(of address: IPAddress) -> RateShares {
    address.isPrivate || address.isLoopback ? local : others
  }
}

// The limits of a torrent: its own and its share of the session's.
extension Torrent {
  /// Changes the torrent's own limits.
  func set(limits: RateLimits, on loop: isolated Loop) {
    rates = TorrentRates(limits)
    context.limitsChanged(on: loop)
  }

  /// Takes the shares of what limits there are now, and gives them to the peers.
  func applyLimits(on loop: isolated Loop) {
    let limits = rates?.limits ?? RateLimits()
    let (others, local) = context.limits.shares(limits, on: loop)
    if others.isEmpty, local.isEmpty {
      rates = nil
    } else {
      let rates = rates ?? TorrentRates(limits)
      (rates.others, rates.local) = (others, local)
      self.rates = rates
    }
    for case let peer? in peers {
      peer.take(rates?.shares(of: peer.remote.address) ?? RateShares(), on: loop)
    }
  }
}
