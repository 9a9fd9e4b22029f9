/* clang-format off */
/* scripts: what happens to a job in Redis, each in one step that is done whole or not at all (Lua, loaded by hash).
 *
 * Keys, all behind SV_REDIS_PREFIX and so in one slot of a cluster:
 *   queue:<class>           stream of job ids, one for each priority class (0 high, 1, 2 low); its group is `workers`
 *   job:<id>                hash: state (queued, running, completed, failed, expired); message (message.h); owner, class,
 *                           seconds, gateway, created, deadline, attempts, worker; recording, recording_bytes, blob (where
 *                           the store has it); key, body (of an Idempotency-Key); quota, charged; at the end outcome, done,
 *                           bytes, digest, audio. `entry` in the stream; without one it waits for its owner's turn.
 *                           Of a job that equal requests of other gateways joined: also (" gateway:id" of each, the id
 *                           by which that gateway knows it), as (likewise of `gateway`, where the first one left),
 *                           equal (its content); heard: 1, its worker sends what it makes, 2, nobody listened then and it
 *                           gave up, so nobody can join; late: those who joined when samples had been sent, and have not
 *                           got them yet, written as in `also`. job:<id of one who joined> has first, the job's id, and gateway
 *   equal:<digest>          id of a job that somebody listens to, by its content
 *   wait:<class>:<owner>    list of ids that wait for a turn: an owner has so many entries in the streams as the workers
 *                           run at the same time, at least eight, and the next when one of them is over
 *   turns, shares           hashes by owner: entries in the streams; seconds of audio that wait or run
 *   sum                     hash: jobs, seconds, of all that wait or run
 *   quota:<owner>           hash: seconds of speech that a key may have (left), and as of when (at)
 *   vector:, recording:     of vectors.h
 *   rate:<account>          hash: what is left of the bucket of a client's requests, and as of when (at); until it is full
 *   key:<digest>            id of the job that came with an Idempotency-Key
 *   blob:<id>               there while the recording of a dead letter belongs to a job that tries it again
 *   dead                    sorted set of ids by time: jobs that failed as often as they may; their hashes stay
 *   workers, slots, speed, tells   sorted set of names by when they were seen; hashes by name: jobs at once, audio made
 *                           a second; 1, that it sends to all who listen, 2, and to who comes late what was sent before
 *   series:<id>             hash, of a batch or a long text: account, holder (a gateway), head (what is known of it), body
 *                           (until it is over), key, digest, canceled; the sorted set `series` has by the end of their
 *                           leases those that are not over, or canceled
 *   series_of:<account>     set of ids that are not over; series_kept:<account>: sorted set by time of those that are
 *   series_key:<digest>     id of the series that came with an Idempotency-Key
 *   gateway:<name>          there while that gateway lives
 *   events:<name>           stream of what its listeners wait for
 *
 * A job that somebody listens to (gateway not empty) ends with its hash; what was promised stays for its time.
 */
/* clang-format on */
#ifndef SV_REDIS_SCRIPTS_H
#define SV_REDIS_SCRIPTS_H

#define SV_REDIS_PREFIX "{emotivoice}"
#define SV_REDIS_GROUP  "workers"

enum { SV_REDIS_CLASSES = 3 };
/* Bytes of a recording or a result that go through Redis itself. Larger ones lie in the stores that all gateways and
 * workers have, by the ids of their jobs. */
enum { SV_INLINE_MAX = 64 << 10 };

typedef enum sv_script {
    /* id class owner seconds gateway message recording recording_bytes key body limit_s deadline_ms
     * quota_s content -> OK | JOINED | SAME id | CONFLICT | FULL retry_ms | QUOTA retry_ms | SHARE retry_ms | NOBODY
     */
    SV_SCRIPT_ENQUEUE,
    /* id worker entry class alone tries_max -> GONE | SUSPECT | DEAD, RUN message recording age_ms left_ms attempts
     * gateway recording_bytes blob */
    SV_SCRIPT_TAKE,
    /* id worker state outcome bytes digest audio ttl_s dead event made_s
     * -> 1: this end counts; 0: it was over already; an id: who listens by that id lacks what was sent before it came */
    SV_SCRIPT_FINISH,
    /* id worker: it is not over, and waits for another worker */
    SV_SCRIPT_RELEASE,
    /* worker slots speed, then class entry id of each job -> ids that are no longer this worker's */
    SV_SCRIPT_WORKER_HEARTBEAT,
    /* id worker entries_max event samples only last -> 1, 0: wait, -1: nobody listens, or it is another's, an id: as
     * above. only: '', or who gets what it lacks; last: with this it has all */
    SV_SCRIPT_SEND,
    /* gateway, then ids -> jobs seconds workers dead, then ids that are gone */
    SV_SCRIPT_GATEWAY_HEARTBEAT,
    /* id owner -> 1: it was there, 0; owner "": the listener by that id leaves, 2: others listen still */
    SV_SCRIPT_CANCEL,
    /* id -> fields and values of its hash, and `now` */
    SV_SCRIPT_FIND,
    /* [id] -> of each, or of that one: id message outcome created attempts */
    SV_SCRIPT_DEAD,
    /* id -> where the store may have its recording; nothing: it was no dead letter */
    SV_SCRIPT_DROP,
    /* id, id of the new job -> OK | NONE */
    SV_SCRIPT_RETRY,
    /* of each account: its name, tokens a second, tokens of a full bucket, tokens taken -> of each, what is left */
    SV_SCRIPT_RATES,
    /* id account gateway head body key digest lease_ms open_max all_max -> OK | SAME id | CONFLICT | MANY | FULL */
    SV_SCRIPT_SERIES_PUT,
    /* id gateway head over ttl_s -> 1; 0: it is not this gateway's */
    SV_SCRIPT_SERIES_UPDATE,
    /* id account -> head */
    SV_SCRIPT_SERIES_GET,
    /* id account -> 1: it was there, 0 */
    SV_SCRIPT_SERIES_CANCEL,
    /* gateway lease_ms -> id head body canceled; nothing: all have a holder */
    SV_SCRIPT_SERIES_TAKE,
    /* gateway lease_ms, then ids -> of each: 0 held, 1 lost, 2 canceled */
    SV_SCRIPT_SERIES_RENEW,
    /* id gateway */
    SV_SCRIPT_SERIES_FORGET,
    SV_SCRIPT_COUNT
} sv_script;

extern const char sv_script_common[];
extern const char *const sv_scripts[SV_SCRIPT_COUNT];

#endif
