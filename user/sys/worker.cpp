// SPDX-License-Identifier: MIT
#include "user/sys/worker.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <thread>
#include <utility>

namespace xbond::sys {

struct Worker::Shared {
    explicit Shared(EventLoop &event_loop) : loop(&event_loop) {}

    std::mutex lock;
    std::condition_variable changed;
    struct Named {
        Job job;
        std::string_view what;
    };
    std::deque<Named> jobs;
    Durations durations;
    bool started = false, busy = false;
    EventLoop *loop; // null: the worker has gone

    void work() {
        std::unique_lock held(lock);
        started = true;
        changed.notify_all();
        while (loop != nullptr) {
            if (jobs.empty()) {
                changed.wait(held);
                continue;
            }
            const Named next = std::move(jobs.front());
            jobs.pop_front();
            busy = true;
            held.unlock();
            const Time began = now();
            auto then = next.job();
            held.lock();
            durations.add(next.what, now() - began);
            busy = false;
            if (then && loop != nullptr) {
                loop->post(std::move(then), next.what);
            }
            changed.notify_all();
        }
    }
};

Worker::Worker(EventLoop &loop) : shared_(std::make_shared<Shared>(loop)) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all); // signals are the loop's
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([shared = shared_] { shared->work(); }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    // A program that forks now does not leave a half-started thread's locks to its child.
    std::unique_lock held(shared_->lock);
    shared_->changed.wait(held, [this] { return shared_->started; });
}

Worker::~Worker() {
    const std::lock_guard held(shared_->lock);
    shared_->loop = nullptr;
    shared_->jobs.clear();
    shared_->changed.notify_all();
}

void Worker::run(Job job, std::string_view what) {
    const std::lock_guard held(shared_->lock);
    shared_->jobs.push_back({std::move(job), what});
    shared_->changed.notify_all();
}

std::size_t Worker::waiting() const {
    const std::lock_guard held(shared_->lock);
    return shared_->jobs.size() + (shared_->busy ? 1 : 0);
}

Durations Worker::jobs() const {
    const std::lock_guard held(shared_->lock);
    return shared_->durations;
}

bool Worker::drain(Ms patience) {
    std::unique_lock held(shared_->lock);
    return shared_->changed.wait_for(held, patience, [this] { return shared_->jobs.empty() && !shared_->busy; });
}

} // namespace xbond::sys
