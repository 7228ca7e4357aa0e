import EventLoop
import Synchronization
import TrackerProtocol

/// A question to a UDP tracker, over each family of addresses that it and we have.
struct UDPTrackerErrand: Sendable {
  /// How the question over one family ended; `isLast` if nothing more comes.
  typealias Reply =
    @Sendable (
      TrackerFamilies, Result<UDPTrackerClient.Answer, TrackerRefusal>, _ isLast: Bool
    ) -> Void

  let url: UDPTrackerURL
  let question: UDPTrackerClient.Question
  /// Families that it may go over.
  var families: TrackerFamilies = [.v4, .v6]
  var patience = UDPTrackerClient.Patience.short
  /// Of several addresses of the tracker the one to be asked.
  var turn = 0
  /// Called on the service's loop, at least once unless the errand is given up.
  let reply: Reply
}

/// The way from a torrent, on whatever loop, to the session's client of UDP trackers. Calls return at once.
struct UDPTrackerLink: Sendable {
  let service: Confined<UDPTrackerService>

  private static let tickets = Atomic<UInt64>(0)

  /// Asks; the ticket is for `cancel`.
  func ask(_ errand: UDPTrackerErrand) -> UInt64 {
    let ticket = Self.tickets.add(1, ordering: .relaxed).newValue
    let service = service
    service.loop.post { loop in service.value(on: loop).ask(errand, ticket, on: loop) }
    return ticket
  }

  /// Gives an errand up. What was answered meanwhile may still come.
  func cancel(_ ticket: UInt64) {
    let service = service
    service.loop.post { loop in service.value(on: loop).cancel(ticket, on: loop) }
  }
}
